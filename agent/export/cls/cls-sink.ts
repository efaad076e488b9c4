import { OperationalError } from '../../model/operational-error.ts';
import type { ProbeOutcome, SendOutcome, Sink, SinkLimits } from '../../model/sink.ts';
import { type Compression, compress } from '../../wire/compression.ts';
import { type Exchanged, type ExchangeTimeouts, type ExchangeTls, HttpExchange } from '../http/exchange.ts';
import { withoutSecrets } from '../http/foreign-words.ts';
import { proxySecrets } from '../http/proxy.ts';
import { dateMs } from '../http/retry-after.ts';
import { type Answer, isSignatureExpired, outcomeOf, type RequestOutcome } from './answer.ts';
import { LOG_GROUP_LIMITS, LogGroupEncoder } from './log-group.ts';
import { signRequest } from './signature.ts';

/** Keys of an account that may upload (`cls:UploadLog`). Read at every attempt, so getters may give renewed ones. */
export interface ClsCredentials {
  readonly secretId: string;
  readonly secretKey: string;
  /** Of temporary keys. */
  readonly token?: string | undefined;
}

export interface ClsSinkOptions {
  /** `https://<region>.cls.tencentcs.com`, or `http` where nobody listens in between. */
  readonly endpoint: URL;
  /** A Unix socket at which the endpoint answers; read at every attempt. */
  readonly socketPath?: string | undefined;
  readonly topicId: string;
  /** What people know it by; undefined names topic and endpoint. */
  readonly description?: string | undefined;
  readonly credentials: ClsCredentials;
  readonly compression: Compression;
  readonly timeouts: ExchangeTimeouts;
  readonly tls?: ExchangeTls | undefined;
  /** An HTTP proxy for uploads, with user and password where it asks for them. */
  readonly proxy?: URL | undefined;
  /** The `source` of the logs; undefined names the host as the batch does. */
  readonly source?: string | undefined;
  /** `__TAG__.<key>` of every log. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Whether a window's ledger travels as a log of its own. */
  readonly ledgerLog: boolean;
  /** Requests at once, at most. */
  readonly socketsMax: number;
  /** False: an answer without the service's request id may accept, from a service that sends none. */
  readonly requestIdRequired?: boolean | undefined;
  /** The wall clock, Unix milliseconds. */
  readonly nowMs: () => number;
}

/** A LogGroupList of one LogGroup that has nothing in it. */
const EMPTY_GROUP = Uint8Array.of(0x0a, 0x00);
/** Requests at once, at most: enough to hide the way to the service while a backlog drains. */
export const REQUESTS_MAX = 4;
const CONTENT_TYPE = 'application/x-protobuf';
/** A signature is good from a minute ago, for clocks a little apart, to five minutes ahead, for a slow upload. */
const SIGNED_BEFORE_SECONDS = 60;
const SIGNED_AHEAD_SECONDS = 300;
/** A clock that is nearer than this to the service's is not why a signature had expired. */
const CLOCK_TOLERANCE_MS = 10_000;

/**
 * Uploads flow batches to Tencent Cloud Log Service, or to anything that speaks its `POST /structuredlog`: one batch, one
 * LogGroup, one request. What each answer means is told in `refusal.ts`, the reader's side in `docs/cls.md`.
 */
export class ClsSink implements Sink {
  readonly description: string;
  readonly limits: SinkLimits;
  readonly #options: ClsSinkOptions;
  readonly #encoder: LogGroupEncoder;
  readonly #exchange: HttpExchange;
  /** What the service's clock showed more than ours when it last found a signature expired. */
  #clockAheadMs = 0;
  #observedAheadMs: number | undefined;

  constructor(options: ClsSinkOptions) {
    this.description = options.description ?? `CLS topic ${options.topicId} at ${options.endpoint.origin}`;
    // Bytes are counted of the request that the encoder makes, which says so when they are too many.
    this.limits = {
      records: LOG_GROUP_LIMITS.logs,
      bytes: Number.POSITIVE_INFINITY,
      inFlight: options.socketsMax,
    };
    this.#options = options;
    this.#encoder = new LogGroupEncoder(options);
    this.#exchange = new HttpExchange(options);
  }

  /** To the second, as its Date header is. */
  get clockAheadMs(): number | undefined {
    return this.#observedAheadMs;
  }

  async send(batch: Uint8Array, signal: AbortSignal): Promise<SendOutcome> {
    const body = this.#body(batch);
    return body instanceof Uint8Array ? this.#upload(body, signal) : body;
  }

  /**
   * Uploads a group without logs, which the service refuses for its content, once it has found nothing wrong with the
   * credentials and the topic: so `poison` is good news. Who finds an empty group too large takes no records either.
   */
  async probe(signal: AbortSignal): Promise<ProbeOutcome> {
    const { compression } = this.#options;
    const body = compression === 'none' ? EMPTY_GROUP : compress(compression, EMPTY_GROUP);
    const outcome = await this.#upload(body, signal);
    if (outcome.kind === 'poison') return { kind: 'accepted' };
    return outcome.kind === 'too-large' ? { ...outcome, kind: 'blocked' } : outcome;
  }

  async #upload(body: Uint8Array, signal: AbortSignal): Promise<RequestOutcome> {
    const first = await this.#attempt(body, signal);
    this.#observeClock(first);
    // Asked again at once: the batch has waited for nothing but our clock.
    const last = this.#learnClock(first) ? await this.#attempt(body, signal) : first;
    const outcome: RequestOutcome =
      last.kind === 'failure'
        ? { kind: last.isRefusal === true ? 'blocked' : 'retry', reason: last.reason }
        : outcomeOf(this.#answerWithoutSecrets(last), this.#options.nowMs(), {
            requestIdRequired: this.#options.requestIdRequired ?? true,
            proxy: this.#options.proxy,
          });
    return 'reason' in outcome ? { ...outcome, reason: this.#withoutSecrets(outcome.reason) } : outcome;
  }

  async close(): Promise<void> {
    this.#exchange.close();
  }

  /** The compressed body, or what is to become of a batch that has none. */
  #body(batch: Uint8Array): Uint8Array | SendOutcome {
    try {
      const encoded = this.#encoder.encode(batch);
      if (encoded.kind === 'too-large') return encoded;
      // The service refuses a group without logs, and there is nothing in it to lose.
      if (encoded.kind === 'empty') return { kind: 'accepted' };
      const { compression } = this.#options;
      // The encoder writes over its bytes with the next batch, which may come while this one is on its way.
      return compression === 'none' ? encoded.bytes.slice() : compress(compression, encoded.bytes);
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      return { kind: error.code === 'spool.newer' ? 'newer' : 'poison', reason: error.message };
    }
  }

  /** Signs and sends once. */
  #attempt(body: Uint8Array, signal: AbortSignal): Promise<Exchanged> {
    const { endpoint, topicId, credentials, compression } = this.#options;
    const path = `${endpoint.pathname.replace(/\/+$/, '')}/structuredlog`;
    const signed: Record<string, string> = { 'content-type': CONTENT_TYPE, host: endpoint.host };
    if (compression !== 'none') signed['x-cls-compress-type'] = compression;
    const nowSeconds = Math.floor((this.#options.nowMs() + this.#clockAheadMs) / 1000);
    const { secretId, secretKey, token } = credentials;
    const authorization = signRequest({
      secretId,
      secretKey,
      method: 'POST',
      path,
      parameters: { topic_id: topicId },
      headers: signed,
      beginSeconds: nowSeconds - SIGNED_BEFORE_SECONDS,
      endSeconds: nowSeconds + SIGNED_AHEAD_SECONDS,
    });
    const headers: Record<string, string> = { ...signed, authorization, 'user-agent': 'flowlogd' };
    if (token !== undefined && token !== '') headers['x-cls-token'] = token;
    return this.#exchange.exchange(
      { method: 'POST', path: `${path}?topic_id=${encodeURIComponent(topicId)}`, headers, body },
      signal,
    );
  }

  #observeClock(exchanged: Exchanged): void {
    const serviceMs = exchanged.kind === 'answer' ? dateMs(exchanged.headers.date) : undefined;
    if (serviceMs !== undefined) this.#observedAheadMs = serviceMs - this.#options.nowMs();
  }

  /** Takes the service's time where ours made it refuse; answers whether that changed anything. */
  #learnClock(exchanged: Exchanged): boolean {
    if (exchanged.kind !== 'answer' || !isSignatureExpired(exchanged)) return false;
    const serviceMs = dateMs(exchanged.headers.date);
    if (serviceMs === undefined) return false;
    const aheadMs = serviceMs - this.#options.nowMs();
    if (Math.abs(aheadMs - this.#clockAheadMs) < CLOCK_TOLERANCE_MS) return false;
    this.#clockAheadMs = aheadMs;
    return true;
  }

  /** Before anything of it is cut short: the half of a secret would not be known for one. */
  #answerWithoutSecrets(answer: Answer): Answer {
    const headers = Object.entries(answer.headers).map(([name, value]) => [
      name,
      typeof value === 'string' ? this.#withoutSecrets(value) : value,
    ]);
    return { ...answer, body: this.#withoutSecrets(answer.body), headers: Object.fromEntries(headers) };
  }

  #withoutSecrets(text: string): string {
    const { credentials, proxy } = this.#options;
    const { secretId, secretKey, token } = credentials;
    const ofProxy = proxy === undefined ? [] : proxySecrets(proxy);
    return withoutSecrets(text, [secretKey, secretId, token ?? '', ...ofProxy]);
  }
}
