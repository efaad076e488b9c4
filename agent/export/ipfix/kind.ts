/** IPFIX as a kind of sink: what follows from its options without a connection. */
import type { Sink } from '../../model/sink.ts';
import type { SinkContext } from '../../model/sink-plan.ts';
import { authority } from '../http/connect-error.ts';
import { sinkKind } from '../sink-kind.ts';
import type { Way } from './line.ts';
import {
  type CollectorAddress,
  checkIpfixOptions,
  collectorAddress,
  IPFIX_SECTION,
  type IpfixOptions,
  readIpfixOptions,
  type Transport,
} from './options.ts';

const LOOKUP_MS = 30_000;
const HANDSHAKE_MS = 15_000;
/** Of a message over a stream, whose length has 16 bits. */
const STREAM_MESSAGE_BYTES = 65_535;

const DEFAULTS: Omit<IpfixOptions, 'endpoint' | 'tls'> = {
  enterpriseNumber: undefined,
  messageBytes: 1_400,
  messagesPerSecond: 10_000,
  templateSeconds: 60,
  templateMessages: 20,
  timeoutSeconds: 60,
  ledgerLog: true,
};

export const IPFIX = sinkKind({
  kind: 'ipfix',
  section: IPFIX_SECTION,
  check: checkIpfixOptions,
  read: readIpfixOptions,
  create: createIpfixSink,
  describe: ({ endpoint }) => `the IPFIX collector at ${urlOf(endpoint)}`,
  // Transport and certificates are ways to the same place.
  storage: ({ endpoint: { host, port } }) => ({ service: `IPFIX at ${authority(host, port)}` }),
  url: {
    example: 'ipfix://127.0.0.1:4739',
    help: 'ipfix+tcp:// and ipfix+tls:// use a connection instead of UDP.',
    read: readUrl,
  },
});

function urlOf({ transport, host, port }: CollectorAddress): string {
  return `${transport}://${authority(host, port)}`;
}

async function createIpfixSink(options: IpfixOptions, { nowMs }: SinkContext): Promise<Sink> {
  const { endpoint, enterpriseNumber, ledgerLog, messageBytes, templateSeconds, templateMessages } = options;
  const [{ IpfixSink }, way] = await Promise.all([import('./ipfix-sink.ts'), wayTo(options)]);
  const refresh = { afterMs: templateSeconds * 1000, afterMessages: templateMessages };
  const never = { afterMs: Number.POSITIVE_INFINITY, afterMessages: Number.POSITIVE_INFINITY };
  return new IpfixSink({
    description: `IPFIX collector at ${urlOf(endpoint)}`,
    way,
    enterpriseNumber,
    ledgerLog,
    messageBytesMax: way.isStream ? STREAM_MESSAGE_BYTES : messageBytes,
    refresh: way.isStream ? never : refresh,
    openNote: way.isStream
      ? 'takes the connection; IPFIX acknowledges nothing, so only sending can be tried'
      : 'nothing refused a message; IPFIX over UDP acknowledges nothing, so only sending can be tried',
    nowMs,
  });
}

async function wayTo({ endpoint, tls, messagesPerSecond, timeoutSeconds }: IpfixOptions): Promise<Way> {
  const { transport, host, port } = endpoint;
  if (transport === 'udp') {
    const { UdpWay } = await import('./udp-line.ts');
    return new UdpWay({ host, port, lookupMs: LOOKUP_MS, messagesPerSecond, now: () => performance.now() });
  }
  const { StreamWay } = await import('./stream-line.ts');
  return new StreamWay({
    host,
    port,
    timeouts: { lookupMs: LOOKUP_MS, connectMs: HANDSHAKE_MS, tlsMs: HANDSHAKE_MS },
    writeMs: timeoutSeconds * 1000,
    tls: transport === 'tls' ? tls : undefined,
  });
}

function readUrl(url: URL): IpfixOptions | undefined {
  const [scheme, transport = 'udp'] = /^ipfix(?:\+(udp|tcp|tls))?:$/.exec(url.protocol) ?? [];
  const isBare = /^\/?$/.test(url.pathname) && url.search + url.hash === '';
  if (scheme === undefined || url.hostname === '' || !isBare) return undefined;
  const endpoint = collectorAddress(transport as Transport, `http://${url.host}`);
  return endpoint && { ...DEFAULTS, endpoint, tls: { ca: undefined, cert: undefined, key: undefined } };
}
