/**
 * Tells a webhook of findings, one event after the other, until it accepts each. At most `QUEUE_MAX` wait; over that the oldest go, and
 * are counted. A receiver that fails, hangs or redirects is tried again, less and less often; only an event that it says is wrong is
 * given to nobody.
 */
import { type BackoffLimits, backoffMs } from '../export/backoff.ts';
import type { Exchanged, HttpExchange } from '../export/http/exchange.ts';
import type { Timers } from '../export/timers.ts';
import { type WebhookMessage, webhookHeaders } from './webhook-message.ts';

export interface WebhookOptions {
  readonly http: Pick<HttpExchange, 'exchange' | 'close'>;
  /** Of the URL, with its query. */
  readonly path: string;
  readonly secret: string | undefined;
  readonly version: string;
  readonly nowMs: () => number;
  readonly timers: Timers;
  readonly random: () => number;
  /** Told of each event that needs no further attempt. */
  readonly onSettled: (message: WebhookMessage) => void;
  /** Told when deliveries begin to fail, and when they succeed again (undefined). */
  readonly onTrouble: (reason: string | undefined) => void;
}

export interface WebhookNumbers {
  readonly pendingEvents: number;
  readonly deliveredEvents: number;
  readonly failedAttempts: number;
  readonly rejectedEvents: number;
  readonly droppedEvents: number;
}

export const QUEUE_MAX = 1000;
const BACKOFF: BackoffLimits = { initialMs: 1000, capMs: 300_000 };

/** The receiver has read the event, and says that it is none: it will say so again. */
const REJECTIONS = new Set([400, 413, 415, 422]);

export class Webhook {
  readonly #options: WebhookOptions;
  readonly #queue: WebhookMessage[] = [];
  readonly #abort = new AbortController();
  readonly #counts = { deliveredEvents: 0, failedAttempts: 0, rejectedEvents: 0, droppedEvents: 0 };
  #running: Promise<void> | undefined;
  #failures = 0;
  #reason: string | undefined;
  #wake: (() => void) | undefined;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  get numbers(): WebhookNumbers {
    return { pendingEvents: this.#queue.length, ...this.#counts };
  }

  /** Why the last attempt failed; undefined where none did since the last success. */
  get lastError(): string | undefined {
    return this.#reason;
  }

  send(message: WebhookMessage): void {
    this.#queue.push(message);
    if (this.#queue.length > QUEUE_MAX) {
      this.#queue.shift();
      this.#counts.droppedEvents += 1;
    }
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Breaks off: what was not accepted is sent again after the next start. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#wake?.();
    await this.#running;
    this.#options.http.close();
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const message = this.#queue[0];
      if (message === undefined) return;
      const reason = await this.#attempt(message);
      if (this.#abort.signal.aborted) return;
      if (reason === undefined) this.#settle(message);
      else await this.#pause(reason);
    }
  }

  /** Undefined: it needs no other. */
  async #attempt(message: WebhookMessage): Promise<string | undefined> {
    const { http, path, secret, version, nowMs } = this.#options;
    const headers = webhookHeaders(message, { seconds: Math.floor(nowMs() / 1000), secret, version });
    const request = { method: 'POST', path, headers, body: message.body };
    const exchanged = await http.exchange(request, this.#abort.signal);
    if (exchanged.kind === 'answer' && REJECTIONS.has(exchanged.status)) this.#counts.rejectedEvents += 1;
    else if (exchanged.kind === 'answer' && isAccepted(exchanged.status)) this.#counts.deliveredEvents += 1;
    else return reasonOf(exchanged);
    return undefined;
  }

  #settle(message: WebhookMessage): void {
    // Over the limit it may have been dropped amid its attempt.
    if (this.#queue[0] === message) this.#queue.shift();
    this.#failures = 0;
    if (this.#reason !== undefined) this.#options.onTrouble(undefined);
    this.#reason = undefined;
    this.#options.onSettled(message);
  }

  async #pause(reason: string): Promise<void> {
    const { timers, random, onTrouble } = this.#options;
    this.#failures += 1;
    this.#counts.failedAttempts += 1;
    if (this.#reason !== reason) onTrouble(reason);
    this.#reason = reason;
    await new Promise<void>((resolve) => {
      const cancel = timers.after(backoffMs(BACKOFF, this.#failures, random), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

function isAccepted(status: number): boolean {
  return status >= 200 && status < 300;
}

function reasonOf(exchanged: Exchanged): string {
  if (exchanged.kind === 'failure') return exchanged.reason;
  const { status } = exchanged;
  return status >= 300 && status < 400 ? `answer ${status}: redirects are not followed` : `answer ${status}`;
}
