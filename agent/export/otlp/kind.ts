/** OTLP/HTTP as a kind of sink: what follows from its options without a connection. */
import type { Sink } from '../../model/sink.ts';
import type { Environment, SinkContext } from '../../model/sink-plan.ts';
import { proxyFor, shownProxy } from '../http/proxy.ts';
import { type Needs, sinkKind } from '../sink-kind.ts';
import { checkOtlpOptions, HEADERS, logsUrl, OTLP_SECTION, type OtlpOptions, readOtlpOptions } from './options.ts';

const URL_TIMEOUT_SECONDS = 60;
const HEADERS_VARIABLE = 'FLOWLOGD_OTLP_HEADERS';

export const OTLP = sinkKind({
  kind: 'otlp',
  section: OTLP_SECTION,
  check: checkOtlpOptions,
  read: readOtlpOptions,
  create: createOtlpSink,
  describe({ endpoint, proxy: configured }, environment) {
    const proxy = proxyFor(endpoint, configured, environment);
    const way = proxy === undefined ? '' : ` through proxy ${shownProxy(proxy)}`;
    return `the OTLP receiver at ${endpoint.origin}${endpoint.pathname}${way}`;
  },
  // Scheme, headers and certificates are ways to the same place; behind one endpoint a path may be another tenant.
  storage: ({ endpoint }) => ({ service: `OTLP at ${endpoint.host}${endpoint.pathname}` }),
  url: {
    example: 'otlp+http://127.0.0.1:4318',
    help: `otlp+https:// where the receiver has TLS; headers come from ${HEADERS_VARIABLE}, one a line.`,
    read: readUrl,
  },
});

/** @throws OperationalError `config.invalid` */
async function createOtlpSink(options: OtlpOptions, { environment, nowMs }: SinkContext): Promise<Sink> {
  const { endpoint, proxy, requestTimeoutSeconds, ...rest } = options;
  const [{ OtlpSink, REQUESTS_MAX }, { DEFAULT_TIMEOUTS }, { hostname }] = await Promise.all([
    import('./otlp-sink.ts'),
    import('../http/exchange.ts'),
    import('node:os'),
  ]);
  const totalMs = requestTimeoutSeconds * 1000;
  return new OtlpSink({
    ...rest,
    endpoint,
    hostName: hostname(),
    proxy: proxyFor(endpoint, proxy, environment),
    timeouts: { ...DEFAULT_TIMEOUTS, responseMs: Math.min(DEFAULT_TIMEOUTS.responseMs, totalMs), totalMs },
    socketsMax: REQUESTS_MAX,
    nowMs,
  });
}

function readUrl(url: URL, environment: Environment): OtlpOptions | Needs | undefined {
  const [, scheme] = /^otlp\+(https?):$/.exec(url.protocol) ?? [];
  if (scheme === undefined || url.hostname === '' || url.search + url.hash !== '') return undefined;
  const text = environment[HEADERS_VARIABLE];
  const headers = text ? HEADERS.parse(text) : {};
  if (headers === undefined) return { needs: `a valid ${HEADERS_VARIABLE}: expected ${HEADERS.expected}` };
  return {
    endpoint: logsUrl(new URL(`${scheme}://${url.host}${url.pathname}`)),
    headers,
    names: 'otel',
    compression: 'gzip',
    proxy: undefined,
    requestTimeoutSeconds: URL_TIMEOUT_SECONDS,
    ledgerLog: true,
  };
}
