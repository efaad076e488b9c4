/** CLS as a kind of sink: its options, and what follows from them without a connection. */
import type { Storage } from '../../model/storage.ts';
import type { Compression } from '../../wire/compression.ts';
import { proxyFor, shownProxy } from '../http/proxy.ts';
import type { Environment, SinkContext, SinkKind } from '../sink-kind.ts';

export interface ClsOptions {
  readonly endpoint: URL;
  readonly topicId: string;
  readonly credentials: { readonly secretId: string; readonly secretKey: string; readonly token?: string | undefined };
  readonly compression: Compression;
  /** PEM texts. */
  readonly tls?:
    | { readonly ca: string | undefined; readonly cert: string | undefined; readonly key: string | undefined }
    | undefined;
  /** Undefined: as the environment says. */
  readonly proxy: URL | 'none' | undefined;
  readonly requestTimeoutSeconds: number;
  readonly requestIdRequired: boolean;
  readonly ledgerLog: boolean;
}

const URL_TIMEOUT_SECONDS = 60;

/** `<region>.cls.tencentcs.com` from anywhere, `<region>.cls.tencentyun.com` from inside the region. */
const CLS_HOST = /^([a-z0-9-]+)\.cls\.(?:tencentcs|tencentyun)\.com$/;

export const CLS: SinkKind<'cls', ClsOptions> = {
  kind: 'cls',
  async create({ proxy, requestTimeoutSeconds, ...rest }: ClsOptions, { environment, nowMs }: SinkContext) {
    const [{ ClsSink, REQUESTS_MAX }, { DEFAULT_TIMEOUTS }] = await Promise.all([
      import('./cls-sink.ts'),
      import('../http/exchange.ts'),
    ]);
    const totalMs = requestTimeoutSeconds * 1000;
    return new ClsSink({
      ...rest,
      proxy: proxyFor(rest.endpoint, proxy, environment),
      timeouts: { ...DEFAULT_TIMEOUTS, responseMs: Math.min(DEFAULT_TIMEOUTS.responseMs, totalMs), totalMs },
      socketsMax: REQUESTS_MAX,
      nowMs,
    });
  },
  describe({ topicId, endpoint, proxy: configured }, environment) {
    const proxy = proxyFor(endpoint, configured, environment);
    return `topic ${topicId} at ${endpoint.origin}${proxy === undefined ? '' : ` through proxy ${shownProxy(proxy)}`}`;
  },
  storage: ({ endpoint, topicId }) => clsStorage(endpoint, topicId),
  url: {
    example: 'https://ap-guangzhou.cls.tencentcs.com?topic_id=ID',
    help: 'The key comes from FLOWLOGD_CLS_SECRET_ID and FLOWLOGD_CLS_SECRET_KEY.',
    read: readUrl,
  },
};

/**
 * A topic lies in one service. Of that service the region counts where the host name is one of CLS, which has a public and a
 * private name in each, else the host name and port. Scheme, path, keys and certificates are ways to the same place.
 */
export function clsStorage(endpoint: URL, topicId: string): Storage {
  const [, region] = CLS_HOST.exec(endpoint.hostname) ?? [];
  return { service: region === undefined ? endpoint.host : `CLS in ${region}`, topicId };
}

function readUrl(url: URL, environment: Environment): { options: ClsOptions } | { needs: string } | undefined {
  const topicId = url.searchParams.get('topic_id');
  if (!/^https?:$/.test(url.protocol) || !topicId) return undefined;
  const [secretId, secretKey] = [environment['FLOWLOGD_CLS_SECRET_ID'], environment['FLOWLOGD_CLS_SECRET_KEY']];
  if (!secretId || !secretKey) {
    const name = secretId ? 'FLOWLOGD_CLS_SECRET_KEY' : 'FLOWLOGD_CLS_SECRET_ID';
    return { needs: `the environment variable ${name}, a part of the key that signs uploads` };
  }
  return {
    options: {
      endpoint: new URL(url.origin),
      topicId,
      credentials: { secretId, secretKey },
      compression: 'lz4',
      proxy: undefined,
      requestTimeoutSeconds: URL_TIMEOUT_SECONDS,
      requestIdRequired: environment['FLOWLOGD_CLS_REQUEST_ID_REQUIRED'] !== 'false',
      ledgerLog: true,
    },
  };
}
