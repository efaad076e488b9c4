/**
 * Drains the spool into a sink: the oldest batch first, one at a time, a few at a time when many wait.
 *
 *     accepted   the batch is removed from the store, and from nowhere before; records of it that the service rejected are counted
 *     sent       the same, of a protocol without acknowledgement
 *     partial    the store holds what remains of it, and everybody waits as for a retry
 *     retry      everybody waits (capped exponential, jittered, at least what the service asked for), then it goes again
 *     blocked    everybody waits for the next slow probe; somebody must change a configuration
 *     too-large  the store holds its halves instead
 *     newer      the store holds it for the flowlogd that wrote it, and the others pass it
 *     poison     the store sets it aside
 *
 * Nothing is ever dropped here: how long batches are pending is the store's limit alone. Two habits keep one bad batch or one bad
 * answer from doing more harm than it must. A batch that failed three times lets the next one try, so that it cannot stop
 * all others. And only so many batches in a row are quarantined while the service accepts none: an answer that calls every
 * batch poison is about the service or the way to it, and must not empty the spool into the quarantine.
 */
import type { BatchStore } from '../model/batch-store.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { Rejection, SendOutcome, Sink } from '../model/sink.ts';
import { readBatchHeader } from '../wire/flow-batch-reader.ts';
import { type BackoffLimits, backoffMs, jitterMs } from './backoff.ts';
import { halvesOf, sendWithinLimits } from './parts.ts';
import type { Timers } from './timers.ts';

type Partial = Extract<SendOutcome, { kind: 'partial' }>;

/** `backing-off` and `blocked` last until a batch is accepted, so one trouble is one episode. */
export const EXPORTER_STATES = ['idle', 'sending', 'backing-off', 'blocked'] as const;
export type ExporterState = (typeof EXPORTER_STATES)[number];

export interface ExporterEvents {
  /** Once for each change of the state, or of the reason beside a request's id; `lastError` is the reason of `backing-off` and `blocked`. */
  onState(state: ExporterState, lastError: string | undefined): void;
  onDelivered(name: string, bytes: number): void;
  onQuarantined(name: string, reason: string): void;
  /** Records of a batch that was accepted otherwise. */
  onRejected(name: string, records: number, reason: string): void;
  onSplit(name: string, reason: string): void;
  /** The first batch of this run that a newer flowlogd wrote. */
  onNewer(name: string, reason: string): void;
}

export interface ExporterCounters {
  /** Batches that the service has, those handed to a protocol without acknowledgement, and the bytes of both as the spool holds them. */
  delivered: number;
  sent: number;
  bytes: number;
  /** Times that a batch was handed to the sink, and those of them that ended in `retry` or `blocked`. */
  attempts: number;
  retries: number;
  blocked: number;
  split: number;
  /** Times that the service took a part of a batch; the rest is pending. */
  partial: number;
  quarantined: number;
  /** Records that the service rejected in batches that it accepted. */
  rejectedRecords: number;
  /** Batches that only a newer flowlogd can deliver. */
  newer: number;
  /** Batches that the store could not give back whole. */
  damaged: number;
}

export interface ExporterOptions {
  readonly store: BatchStore;
  readonly sink: Sink;
  readonly events: ExporterEvents;
  readonly timers: Timers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly backoff: BackoffLimits;
  /** Between two probes of a service that is blocked. */
  readonly probeMs: number;
}

export const EXPORTER_DEFAULTS = { probeMs: 30_000 } as const;

/** From this many waiting batches on, order matters less than draining. */
export const LONG_BACKLOG_BATCHES = 8;
/** Failures after which a batch lets others try. */
const TRIES_PER_TURN = 3;
/** Batches quarantined in a row, with none accepted in between. */
export const QUARANTINE_RUN_MAX = 10;
/** The oldest batches among which the next is chosen, beside those on their way. */
const CHOICE = 64;
/** What a sink may take to come back after it was told to abort. */
const ABORT_MS = 1_000;

export class Exporter {
  readonly #options: ExporterOptions;
  readonly #abort = new AbortController();
  readonly #inFlight = new Set<string>();
  /** Failures of each batch that failed and still waits; batches outside the choice are forgotten. */
  readonly #failuresOf = new Map<string, number>();
  /** What the service has but the store could not remove: never sent again. At most the store's batches. */
  readonly #acceptedInStore = new Set<string>();
  readonly #counters: ExporterCounters = {
    delivered: 0,
    sent: 0,
    bytes: 0,
    attempts: 0,
    retries: 0,
    blocked: 0,
    split: 0,
    partial: 0,
    quarantined: 0,
    rejectedRecords: 0,
    newer: 0,
    damaged: 0,
  };
  #state: ExporterState = 'idle';
  #lastError: string | undefined;
  #deliveredUntil: number | undefined;
  /** Failed rounds in a row: what was on its way together fails as one. */
  #failures = 0;
  #rounds = 0;
  #quarantineRun = 0;
  #resumeAt = 0;
  #cancelPause: (() => void) | undefined;
  #stopping = false;
  readonly #idleWaiters: ((drained: boolean) => void)[] = [];
  readonly #quietWaiters: (() => void)[] = [];

  constructor(options: ExporterOptions) {
    this.#options = options;
  }

  get state(): ExporterState {
    return this.#state;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** End of the latest window of which a batch was accepted, Unix seconds. */
  get deliveredUntil(): number | undefined {
    return this.#deliveredUntil;
  }

  get counters(): Readonly<ExporterCounters> {
    return this.#counters;
  }

  /** There may be something to send: call once to start, then for each batch that was spooled. */
  wake(): void {
    this.#fill();
  }

  /** What kept uploads from passing is over: the next attempt is now. */
  retryNow(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    this.#fill();
  }

  /** Waits until nothing is left to send: true, or false when the exporter was stopped before. */
  idle(): Promise<boolean> {
    if (this.#stopping) return Promise.resolve(this.#isDrained());
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
      this.#fill();
    });
  }

  /** Starts nothing more, gives what is on its way `deadlineMs` and then aborts it; what was not accepted stays in the store. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    await this.#quiet(deadlineMs);
    this.#abort.abort();
    await this.#quiet(ABORT_MS);
    this.#releaseIdle(this.#isDrained());
  }

  #isDrained(): boolean {
    return this.#inFlight.size === 0 && this.#options.store.backlog().batches === 0;
  }

  #fill(): void {
    if (this.#stopping || this.#cancelPause !== undefined) return;
    while (this.#inFlight.size < this.#width()) {
      const name = this.#choose();
      if (name === undefined) break;
      if (this.#state === 'idle') this.#enter('sending', undefined);
      this.#inFlight.add(name);
      void this.#deliver(name);
    }
    if (this.#inFlight.size > 0) return;
    this.#enter('idle', undefined);
    this.#releaseIdle(true);
  }

  /** In trouble one batch at a time asks whether it is over. */
  #width(): number {
    const trouble = this.#state === 'backing-off' || this.#state === 'blocked';
    const long = this.#options.store.backlog().batches >= LONG_BACKLOG_BATCHES;
    return long && !trouble ? this.#options.sink.limits.inFlight : 1;
  }

  /** The oldest of those that have had the fewest turns. */
  #choose(): string | undefined {
    const names = this.#options.store.oldest(CHOICE + this.#inFlight.size + this.#acceptedInStore.size);
    if (this.#failuresOf.size > 2 * CHOICE) this.#forgetAllBut(names);
    let chosen: string | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    for (const name of names) {
      if (this.#inFlight.has(name)) continue;
      const turns = Math.floor((this.#failuresOf.get(name) ?? 0) / TRIES_PER_TURN);
      if (turns >= fewest) continue;
      chosen = name;
      fewest = turns;
    }
    return chosen;
  }

  #forgetAllBut(names: readonly string[]): void {
    for (const name of this.#failuresOf.keys()) if (!names.includes(name)) this.#failuresOf.delete(name);
  }

  async #deliver(name: string): Promise<void> {
    const round = this.#rounds;
    try {
      await this.#attempt(name, round);
    } catch (error) {
      if (!isOperational(error)) throw error;
      if (isNewer(error)) this.#hold(name, error.message);
      else this.#retryLater(name, round, `the spool: ${error.message}`, 0);
    }
    this.#inFlight.delete(name);
    this.#options.store.release(name);
    if (this.#inFlight.size === 0) for (const resolve of this.#quietWaiters.splice(0)) resolve();
    this.#fill();
  }

  async #attempt(name: string, round: number): Promise<void> {
    const { store, sink } = this.#options;
    if (this.#acceptedInStore.has(name)) return this.#remove(name);
    const bytes = await store.read(name);
    if (bytes === undefined) return this.#unreadable(name, round);
    if (this.#stopping) return;
    this.#counters.attempts++;
    await this.#conclude(name, bytes, round, await sendWithinLimits(sink, bytes, this.#abort.signal));
  }

  async #conclude(name: string, bytes: Uint8Array, round: number, outcome: SendOutcome): Promise<void> {
    if ('rejected' in outcome && outcome.rejected !== undefined) this.#countRejected(name, outcome.rejected);
    switch (outcome.kind) {
      case 'accepted':
      case 'sent':
        return this.#accepted(name, bytes, outcome.kind);
      case 'partial':
        return this.#keepRest(name, bytes, round, outcome);
      case 'retry':
        if (this.#stopping) return;
        this.#counters.retries++;
        return this.#retryLater(name, round, outcome.reason, outcome.afterMs ?? 0);
      case 'blocked':
        return this.#block(name, outcome.reason);
      case 'too-large':
        return this.#split(name, bytes, outcome.reason);
      case 'newer':
        return this.#hold(name, outcome.reason);
      case 'poison':
        return this.#quarantine(name, outcome.reason);
    }
  }

  #countRejected(name: string, { records, reason }: Rejection): void {
    this.#counters.rejectedRecords += records;
    this.#options.events.onRejected(name, records, reason);
  }

  async #accepted(name: string, bytes: Uint8Array, kind: 'accepted' | 'sent'): Promise<void> {
    // A batch that failed before and passes now shows that the failures were the service's: everybody's count starts anew.
    if (this.#failuresOf.has(name)) this.#failuresOf.clear();
    this.#failures = 0;
    this.#quarantineRun = 0;
    this.#acceptedInStore.add(name);
    this.#counters[kind === 'sent' ? 'sent' : 'delivered']++;
    this.#counters.bytes += bytes.length;
    this.#deliveredUntil = Math.max(windowEnd(bytes), this.#deliveredUntil ?? Number.NEGATIVE_INFINITY);
    if (this.#cancelPause === undefined) this.#enter('sending', undefined);
    this.#options.events.onDelivered(name, bytes.length);
    await this.#remove(name);
  }

  /** The rest takes the batch's place before anything else is sent of it. */
  async #keepRest(name: string, bytes: Uint8Array, round: number, { rest, reason, afterMs }: Partial): Promise<void> {
    await this.#options.store.replace(name, rest);
    this.#counters.partial++;
    this.#counters.bytes += Math.max(0, bytes.length - rest.reduce((sum, part) => sum + part.length, 0));
    // The service takes records, so the wait begins anew.
    this.#failures = 0;
    this.#quarantineRun = 0;
    if (this.#stopping) return;
    this.#retryLater(name, round, reason, afterMs ?? 0);
    this.#failuresOf.delete(name);
  }

  async #remove(name: string): Promise<void> {
    await this.#options.store.remove(name);
    this.#acceptedInStore.delete(name);
    this.#failuresOf.delete(name);
  }

  /** The store has put a damaged batch aside by itself; one that it still lists cannot be read for now. */
  #unreadable(name: string, round: number): void {
    if (this.#options.store.oldest(CHOICE + this.#inFlight.size + this.#acceptedInStore.size).includes(name)) {
      this.#retryLater(name, round, `the spool: ${name} cannot be read`, 0);
    } else {
      this.#counters.damaged++;
      this.#failuresOf.delete(name);
    }
  }

  /** @param round when the attempt began: of several that were on their way together, the first alone makes the wait longer. */
  #retryLater(name: string, round: number, reason: string, afterMs: number): void {
    this.#countFailure(name);
    if (round === this.#rounds) {
      this.#rounds++;
      this.#failures++;
    }
    const { backoff, random } = this.#options;
    // Added to what the service asked for: it asked everybody, and not everybody should come at the same moment.
    this.#pause(afterMs + backoffMs(backoff, this.#failures, random));
    this.#enter('backing-off', reason);
  }

  #block(name: string, reason: string): void {
    this.#counters.blocked++;
    this.#countFailure(name);
    this.#pause(jitterMs(this.#options.probeMs, this.#options.random));
    this.#enter('blocked', reason);
  }

  async #split(name: string, bytes: Uint8Array, reason: string): Promise<void> {
    const halves = halvesOf(bytes);
    if (halves === undefined) return this.#quarantine(name, `one record alone is too large: ${reason}`);
    await this.#options.store.replace(name, halves);
    this.#failuresOf.delete(name);
    this.#counters.split++;
    this.#options.events.onSplit(name, reason);
  }

  #hold(name: string, reason: string): void {
    this.#options.store.hold(name);
    this.#failuresOf.delete(name);
    this.#counters.newer++;
    if (this.#counters.newer === 1) this.#options.events.onNewer(name, reason);
  }

  async #quarantine(name: string, reason: string): Promise<void> {
    if (this.#quarantineRun >= QUARANTINE_RUN_MAX) {
      return this.#block(name, `${QUARANTINE_RUN_MAX} batches in a row were refused for good, the last one: ${reason}`);
    }
    this.#quarantineRun++;
    await this.#options.store.quarantine(name, reason);
    this.#failuresOf.delete(name);
    this.#counters.quarantined++;
    this.#options.events.onQuarantined(name, reason);
  }

  #countFailure(name: string): void {
    this.#failuresOf.set(name, (this.#failuresOf.get(name) ?? 0) + 1);
  }

  /** Nothing starts before `delayMs` have passed, nor before any longer pause has. */
  #pause(delayMs: number): void {
    if (this.#stopping) return;
    const { timers } = this.#options;
    const resumeAt = timers.now() + delayMs;
    if (this.#cancelPause !== undefined && resumeAt <= this.#resumeAt) return;
    this.#cancelPause?.();
    this.#resumeAt = resumeAt;
    this.#cancelPause = timers.after(delayMs, () => {
      this.#cancelPause = undefined;
      this.#fill();
    });
  }

  #enter(state: ExporterState, lastError: string | undefined): void {
    const isNewReason = lastError !== undefined && steady(lastError) !== steady(this.#lastError ?? '');
    if (lastError !== undefined) this.#lastError = lastError;
    if (this.#state === state && !isNewReason) return;
    this.#state = state;
    this.#options.events.onState(state, lastError);
  }

  /** Waits until nothing is on its way, at most `deadlineMs`. */
  #quiet(deadlineMs: number): Promise<void> {
    if (this.#inFlight.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#options.timers.after(deadlineMs, resolve);
      this.#quietWaiters.push(() => {
        cancel();
        resolve();
      });
    });
  }

  #releaseIdle(drained: boolean): void {
    for (const resolve of this.#idleWaiters.splice(0)) resolve(drained);
  }
}

/** A reason without what differs in every answer. */
function steady(reason: string): string {
  return reason.replace(/\(request [^)]*\)/g, '');
}

/** Of a batch that the service took, so that it can be read. */
function windowEnd(bytes: Uint8Array): number {
  const { windowStart, windowSeconds } = readBatchHeader(bytes);
  return windowStart + windowSeconds;
}

function isNewer(error: Error): boolean {
  return error instanceof OperationalError && error.code === 'spool.newer';
}

/** What a store may fail with: its own errors and the file system's. Anything else is a bug and ends the process. */
function isOperational(error: unknown): error is Error {
  return error instanceof OperationalError || (error instanceof Error && 'errno' in error);
}
