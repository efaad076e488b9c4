/** CLS as a kind of sink: what follows from its options without a connection. */
import type { Sink } from '../../model/sink.ts';
import type { Environment, SinkContext } from '../../model/sink-plan.ts';
import { EMBEDDED_STORAGE, type Storage } from '../../model/storage.ts';
import { proxyFor, shownProxy } from '../http/proxy.ts';
import { type Needs, sinkKind } from '../sink-kind.ts';
import { CLS_SECTION, type ClsOptions, checkClsOptions, readClsOptions } from './options.ts';

const URL_TIMEOUT_SECONDS = 60;

/** `<region>.cls.tencentcs.com` from anywhere, `<region>.cls.tencentyun.com` from inside the region. */
const CLS_HOST = /^([a-z0-9-]+)\.cls\.(?:tencentcs|tencentyun)\.com$/;

export const CLS = sinkKind({
  kind: 'cls',
  formerSection: 'cls',
  section: CLS_SECTION,
  check: checkClsOptions,
  read: readClsOptions,
  create: createClsSink,
  describe({ topicId, endpoint, proxy: configured }, environment) {
    if (endpoint === 'embedded') return 'the embedded log service';
    const proxy = proxyFor(endpoint, configured, environment);
    return `topic ${topicId} at ${endpoint.origin}${proxy === undefined ? '' : ` through proxy ${shownProxy(proxy)}`}`;
  },
  storage: ({ endpoint, topicId }) => (endpoint === 'embedded' ? EMBEDDED_STORAGE : clsStorage(endpoint, topicId)),
  url: {
    example: 'https://ap-guangzhou.cls.tencentcs.com?topic_id=ID',
    help: 'The key comes from FLOWLOGD_CLS_SECRET_ID and FLOWLOGD_CLS_SECRET_KEY.',
    read: readUrl,
  },
});

/** Where records go when no sink is configured. */
export const EMBEDDED_SINK = CLS.plan(
  'embedded',
  { endpoint: 'embedded', compression: 'lz4', requestTimeoutSeconds: URL_TIMEOUT_SECONDS, ledgerLog: true },
  () => undefined,
);

/** @throws OperationalError `config.invalid` */
async function createClsSink(options: ClsOptions, context: SinkContext): Promise<Sink> {
  const { endpoint, proxy, requestTimeoutSeconds, ...rest } = options;
  if (endpoint === 'embedded') return createEmbeddedSink(options, context);
  const [{ ClsSink, REQUESTS_MAX }, { DEFAULT_TIMEOUTS }] = await Promise.all([
    import('./cls-sink.ts'),
    import('../http/exchange.ts'),
  ]);
  const totalMs = requestTimeoutSeconds * 1000;
  return new ClsSink({
    ...rest,
    endpoint,
    proxy: proxyFor(endpoint, proxy, context.environment),
    timeouts: { ...DEFAULT_TIMEOUTS, responseMs: Math.min(DEFAULT_TIMEOUTS.responseMs, totalMs), totalMs },
    socketsMax: REQUESTS_MAX,
    nowMs: context.nowMs,
  });
}

async function createEmbeddedSink(options: ClsOptions, { embedded, nowMs }: SinkContext): Promise<Sink> {
  if (embedded === undefined) throw new TypeError('no log service runs beside the agent');
  const { EmbeddedSink } = await import('./embedded-sink.ts');
  return new EmbeddedSink(embedded, options, nowMs);
}

/**
 * A topic lies in one service. Of that service the region counts where the host name is one of CLS, which has a public and a
 * private name in each, else the host name and port. Scheme, path, keys and certificates are ways to the same place.
 */
export function clsStorage(endpoint: URL, topicId: string): Storage {
  const [, region] = CLS_HOST.exec(endpoint.hostname) ?? [];
  return { service: region === undefined ? endpoint.host : `CLS in ${region}`, topicId };
}

function readUrl(url: URL, environment: Environment): ClsOptions | Needs | undefined {
  const topicId = url.searchParams.get('topic_id');
  if (!/^https?:$/.test(url.protocol) || !topicId) return undefined;
  const [secretId, secretKey] = [environment['FLOWLOGD_CLS_SECRET_ID'], environment['FLOWLOGD_CLS_SECRET_KEY']];
  if (!secretId || !secretKey) {
    const name = secretId ? 'FLOWLOGD_CLS_SECRET_KEY' : 'FLOWLOGD_CLS_SECRET_ID';
    return { needs: `the environment variable ${name}, a part of the key that signs uploads` };
  }
  return {
    endpoint: new URL(url.origin),
    topicId,
    credentials: { secretId, secretKey },
    compression: 'lz4',
    proxy: undefined,
    requestTimeoutSeconds: URL_TIMEOUT_SECONDS,
    requestIdRequired: environment['FLOWLOGD_CLS_REQUEST_ID_REQUIRED'] !== 'false',
    ledgerLog: true,
  };
}
