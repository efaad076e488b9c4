import { gzipSync } from 'node:zlib';
import { OperationalError } from '../../model/operational-error.ts';
import type { ProbeOutcome, SendOutcome, Sink, SinkLimits } from '../../model/sink.ts';
import { type ExchangeTimeouts, type ExchangeTls, HttpExchange } from '../http/exchange.ts';
import { withoutSecrets } from '../http/foreign-words.ts';
import { proxySecrets } from '../http/proxy.ts';
import { dateMs } from '../http/retry-after.ts';
import { outcomeOf, type RequestOutcome } from './answer.ts';
import { LogsRequestEncoder, type LogsRequestOptions, REQUEST_LIMITS } from './logs-request.ts';
import type { Answer } from './response.ts';

export interface OtlpSinkOptions extends LogsRequestOptions {
  /** Where logs are posted, path included. */
  readonly endpoint: URL;
  /** Of the user: credentials, a tenant. */
  readonly headers: Readonly<Record<string, string>>;
  readonly compression: 'gzip' | 'none';
  readonly timeouts: ExchangeTimeouts;
  readonly tls?: ExchangeTls | undefined;
  readonly proxy?: URL | undefined;
  readonly socketsMax: number;
  /** The wall clock, Unix milliseconds. */
  readonly nowMs: () => number;
}

/** Requests at once, at most: enough to hide the way to the service while a backlog drains. */
export const REQUESTS_MAX = 4;
/** An ExportLogsServiceRequest of one resource that has nothing in it: some receivers refuse an empty body. */
const EMPTY_REQUEST = Uint8Array.of(0x0a, 0x00);
/** Text with few different words shrinks twenty times already; higher levels cost three times as much. */
const GZIP_LEVEL = 1;

interface Body {
  readonly bytes: Uint8Array;
  readonly records: number;
}

/** Posts flow batches to a receiver of OTLP/HTTP: one batch, one request. What each answer means is told in `answer.ts`. */
export class OtlpSink implements Sink {
  readonly description: string;
  readonly limits: SinkLimits;
  readonly #options: OtlpSinkOptions;
  readonly #encoder: LogsRequestEncoder;
  readonly #exchange: HttpExchange;
  #clockAheadMs: number | undefined;

  constructor(options: OtlpSinkOptions) {
    const { origin, pathname } = options.endpoint;
    this.description = `OTLP receiver at ${origin}${pathname}`;
    // Bytes are counted of the request that the encoder makes, which says so when they are too many.
    this.limits = { records: REQUEST_LIMITS.records, bytes: Number.POSITIVE_INFINITY, inFlight: options.socketsMax };
    this.#options = options;
    this.#encoder = new LogsRequestEncoder(options);
    this.#exchange = new HttpExchange(options);
  }

  /** To the second, as its Date header is. */
  get clockAheadMs(): number | undefined {
    return this.#clockAheadMs;
  }

  async send(batch: Uint8Array, signal: AbortSignal): Promise<SendOutcome> {
    const body = this.#body(batch);
    return 'kind' in body ? body : this.#post(body, signal);
  }

  /** A receiver that complains of the empty request has let it in: what it looks at first is the way and the credentials. */
  async probe(signal: AbortSignal): Promise<ProbeOutcome> {
    const outcome = await this.#post({ bytes: this.#compressed(EMPTY_REQUEST), records: 0 }, signal);
    if (outcome.kind === 'accepted' || outcome.kind === 'poison') return { kind: 'accepted' };
    return outcome.kind === 'too-large' ? { ...outcome, kind: 'blocked' } : outcome;
  }

  async close(): Promise<void> {
    this.#exchange.close();
  }

  /** The compressed body, or what is to become of a batch that has none. */
  #body(batch: Uint8Array): Body | SendOutcome {
    try {
      const encoded = this.#encoder.encode(batch, this.#options.nowMs());
      if (encoded.kind === 'too-large') return encoded;
      if (encoded.kind === 'empty') return { kind: 'accepted' };
      return { bytes: this.#compressed(encoded.bytes), records: encoded.records };
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      return { kind: error.code === 'spool.newer' ? 'newer' : 'poison', reason: error.message };
    }
  }

  /** A copy in any case: the encoder writes over its bytes with the next batch, which may come while this one is on its way. */
  #compressed(bytes: Uint8Array): Uint8Array {
    return this.#options.compression === 'none' ? bytes.slice() : gzipSync(bytes, { level: GZIP_LEVEL });
  }

  async #post({ bytes: body, records }: Body, signal: AbortSignal): Promise<RequestOutcome> {
    const { endpoint, headers: own, compression, nowMs, proxy } = this.#options;
    const headers = {
      ...own,
      host: endpoint.host,
      'user-agent': 'flowlogd',
      'content-type': 'application/x-protobuf',
      ...(compression === 'none' ? {} : { 'content-encoding': compression }),
    };
    const exchanged = await this.#exchange.exchange({ method: 'POST', path: endpoint.pathname, headers, body }, signal);
    if (exchanged.kind === 'failure') {
      return {
        kind: exchanged.isRefusal === true ? 'blocked' : 'retry',
        reason: this.#withoutSecrets(exchanged.reason),
      };
    }
    this.#observeClock(exchanged);
    return outcomeOf(exchanged, {
      records,
      nowMs: nowMs(),
      proxy,
      withoutSecrets: (text) => this.#withoutSecrets(text),
    });
  }

  #observeClock({ headers }: Answer): void {
    const serviceMs = dateMs(headers.date);
    if (serviceMs !== undefined) this.#clockAheadMs = serviceMs - this.#options.nowMs();
  }

  /** Of a header with a scheme, as `Authorization` has, the part behind it, too. */
  #withoutSecrets(text: string): string {
    const { headers, proxy } = this.#options;
    const values = Object.values(headers).flatMap((value) => [value, ...value.split(/\s+/).slice(1)]);
    return withoutSecrets(text, [...values, ...(proxy === undefined ? [] : proxySecrets(proxy))]);
  }
}
