/**
 * Delivers batches from memory, for a command that somebody waits for (`replay --to`): the same outcomes as the exporter's,
 * without a spool behind them. So what the exporter would keep on disk ends the command here, with a sentence: a service
 * that refuses, and one that cannot be reached for `unreachableMs`.
 */
import { OperationalError } from '../model/operational-error.ts';
import type { Rejection, SendOutcome, Sink } from '../model/sink.ts';
import { type BackoffLimits, backoffMs } from './backoff.ts';
import { halvesOf, sendWithinLimits } from './parts.ts';
import type { Timers } from './timers.ts';

export interface DirectDeliveryOptions {
  readonly sink: Sink;
  readonly timers: Timers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly backoff: BackoffLimits;
  /** How long a service may take nothing before it counts as unreachable. */
  readonly unreachableMs: number;
}

export const DIRECT_DEFAULTS = { unreachableMs: 120_000 } as const;

export class DirectDelivery {
  readonly #options: DirectDeliveryOptions;
  readonly #abort = new AbortController();
  readonly #inFlight = new Set<Promise<void>>();
  #failure: OperationalError | undefined;
  /** When the service last began to take nothing. */
  #troubleSince: number | undefined;
  #delivered = 0;
  #rejected: Rejection | undefined;

  constructor(options: DirectDeliveryOptions) {
    this.#options = options;
  }

  /** Batches that the service has, or was sent where it acknowledges nothing; a batch taken in parts counts by part. */
  get delivered(): number {
    return this.#delivered;
  }

  /**
   * Takes a batch, whose bytes nobody may change from now on, and waits until the sink has room for one more.
   *
   * @throws OperationalError `sink.refused` or `sink.unreachable`, of this batch or of one before.
   */
  async push(batch: Uint8Array): Promise<void> {
    this.#check();
    const delivery = this.#deliver(batch).finally(() => this.#inFlight.delete(delivery));
    this.#inFlight.add(delivery);
    while (this.#inFlight.size >= this.#options.sink.limits.inFlight) await Promise.race(this.#inFlight);
    this.#check();
  }

  /** Waits until the service has every batch. @throws as `push`. */
  async drain(): Promise<void> {
    await Promise.all(this.#inFlight);
    this.#checkRejected();
    this.#check();
  }

  /** Gives up what is on its way. */
  async abort(): Promise<void> {
    this.#abort.abort();
    await Promise.allSettled(this.#inFlight);
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Told when all else is delivered: the rest of their batches was taken. */
  #checkRejected(): void {
    if (this.#rejected === undefined) return;
    const { records, reason } = this.#rejected;
    this.#fail('sink.refused', `the service has all batches but rejected ${records} records of them: ${reason}`);
  }

  #countRejected({ records, reason }: Rejection): void {
    this.#rejected = { records: records + (this.#rejected?.records ?? 0), reason: this.#rejected?.reason ?? reason };
  }

  async #deliver(batch: Uint8Array): Promise<void> {
    const { sink, backoff, random, timers } = this.#options;
    for (let failures = 1; !this.#abort.signal.aborted; failures++) {
      const outcome = await sendWithinLimits(sink, batch, this.#abort.signal);
      if ('rejected' in outcome && outcome.rejected !== undefined) this.#countRejected(outcome.rejected);
      if (outcome.kind === 'accepted' || outcome.kind === 'sent') {
        this.#troubleSince = undefined;
        this.#delivered++;
        return;
      }
      if (this.#abort.signal.aborted) return;
      if (outcome.kind === 'too-large') return this.#deliverHalves(batch, outcome.reason);
      if (outcome.kind === 'partial') return this.#deliverRest(outcome);
      if (outcome.kind !== 'retry') return this.#refused(outcome.reason);
      this.#troubleSince ??= timers.now();
      const waitMs = (outcome.afterMs ?? 0) + backoffMs(backoff, failures, random);
      // Waiting on past the limit would only put off the same sentence.
      if (timers.now() + waitMs - this.#troubleSince > this.#options.unreachableMs) return this.#unreachable(outcome);
      await this.#pause(waitMs);
    }
  }

  /** Parts that the service had no time for; what it took counts as news of it. */
  async #deliverRest({ rest, afterMs }: Extract<SendOutcome, { kind: 'partial' }>): Promise<void> {
    const { backoff, random } = this.#options;
    this.#troubleSince = undefined;
    await this.#pause((afterMs ?? 0) + backoffMs(backoff, 1, random));
    for (const part of rest) await this.#deliver(part);
  }

  async #deliverHalves(batch: Uint8Array, reason: string): Promise<void> {
    const halves = halvesOf(batch);
    if (halves === undefined) return this.#refused(`one record alone is too large: ${reason}`);
    for (const half of halves) await this.#deliver(half);
  }

  #refused(reason: string): void {
    this.#fail(
      'sink.refused',
      `the service refuses: ${reason}. Change what it complains about and run the command again`,
    );
  }

  #unreachable(outcome: Extract<SendOutcome, { kind: 'retry' }>): void {
    const seconds = Math.round(this.#options.unreachableMs / 1000);
    const what = `nothing was accepted within ${seconds} s, at last: ${outcome.reason}`;
    this.#fail('sink.unreachable', `${what}. See that the service runs and can be reached, and run the command again`);
  }

  /** The first failure is the one to tell; what else is on its way ends with it. */
  #fail(code: 'sink.refused' | 'sink.unreachable', what: string): void {
    this.#failure ??= new OperationalError(
      code,
      `Sending records to ${this.#options.sink.description} failed: ${what}.`,
    );
    this.#abort.abort();
  }

  #pause(delayMs: number): Promise<void> {
    const { signal } = this.#abort;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#options.timers.after(delayMs, done);
      signal.addEventListener('abort', done);
    });
  }
}
