/**
 * The recorder: takes closed windows, makes each durable in the spool, and only then lets go of its memory.
 *
 * While the spool cannot be written the windows are pending in memory and the oldest is retried, ever more slowly up to ten
 * seconds. They have two limits, their number and the memory of their tables. Over a limit the oldest window loses
 * its records, not its ledger: what was metered is then written down as overflowed, so that the window says SKIPDATA with
 * the number of packets lost. When thousands of such ledger-only windows are pending, the two oldest of an observation point become one.
 */
import type { WindowHeader } from '../model/batch-id.ts';
import { HELD_BYTES_MAX } from '../model/closed-window.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { RecordCursor } from '../model/flow-record.ts';
import { addLedger, addTally, createLedger, joinGaps, type Ledger } from '../model/ledger.ts';
import { OperationalError } from '../model/operational-error.ts';
import { encodeBatches, RECORDS_MAX } from '../wire/flow-batch.ts';
import type { WrittenBatch } from './spool-writer.ts';

export interface RecordedWindow {
  readonly point: ObservationPoint;
  readonly header: WindowHeader;
  /** The number of its first part: `firstPartOf` the window's revision. */
  readonly firstPart: number;
  readonly ledger: Ledger;
  /** Memory that stays taken until `release`. */
  readonly heldBytes: number;
  /** The records from the first on; called for each attempt. @throws OperationalError when they cannot be had now */
  records(): RecordCursor;
  /** The window is durable, ledger included: nothing needs to remember it over a kill. Called before `release`, if both are. */
  forget(): void;
  /** The window is durable, or gave up its records: its memory may go. */
  release(): void;
}

/** The spool's way in (`SpoolWriter`): all of a window or nothing. */
export interface WindowWriter {
  /** @throws OperationalError `spool.unusable` */
  stage(batch: Uint8Array, sinks?: readonly string[]): void;
  /** @throws OperationalError `spool.unusable` */
  commit(): readonly WrittenBatch[];
  abandon(): void;
}

export interface RecorderEvents {
  /** The window is durable. Called before its memory is released. */
  onDurable(window: RecordedWindow, entries: readonly WrittenBatch[], records: number): void;
  /** Once for each change: why the spool cannot be written, or undefined when it can again. */
  onState(failure: OperationalError | undefined): void;
  /** A window gave up its records. */
  onEvicted(window: RecordedWindow): void;
}

export interface RecorderOptions {
  readonly writer: WindowWriter;
  readonly events: RecorderEvents;
  /** Calls once after a delay, unless what it answers is called before. */
  readonly after: (delayMs: number, call: () => void) => () => void;
  readonly recordsMax?: number;
  readonly heldWindowsMax: number;
  readonly heldBytesMax: number;
}

export const RECORDER_DEFAULTS = { heldWindowsMax: 64, heldBytesMax: HELD_BYTES_MAX } as const;

const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 10_000;
/** Ledger-only windows that are pending: a few hundred bytes each. */
const LEDGER_ONLY_MAX = 4096;
const LEDGER_ONLY_GAPS_MAX = 16;
/** Parts of one revision of a window at most: more records than two tables hold. */
const REVISION_PARTS = 2 ** 16;
/** Revisions that have part numbers of their own: parts are 32 bits. */
const REVISIONS_MAX = 2 ** 16;

export interface RecorderCounters {
  windows: number;
  batches: number;
  records: number;
  failures: number;
  /** Windows that gave up their records, and the packets of those. */
  windowsEvicted: number;
  packetsEvicted: number;
  /** Ledger-only windows that became one with the next of their observation point. */
  ledgersMerged: number;
}

export class Recorder {
  readonly #options: RecorderOptions;
  /** Oldest first: windows that gave up their records, then windows that have them. */
  readonly #ledgerOnly: RecordedWindow[] = [];
  readonly #held: RecordedWindow[] = [];
  #heldBytes = 0;
  #retryMs = RETRY_MS_MIN;
  #cancelRetry: (() => void) | undefined;
  #failure: OperationalError | undefined;
  #pendingFlushes: ((complete: boolean) => void)[] = [];
  readonly counters: RecorderCounters = {
    windows: 0,
    batches: 0,
    records: 0,
    failures: 0,
    windowsEvicted: 0,
    packetsEvicted: 0,
    ledgersMerged: 0,
  };

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Why the spool cannot be written now. */
  get failure(): OperationalError | undefined {
    return this.#failure;
  }

  /** Windows that are not durable yet. */
  get waiting(): number {
    return this.#ledgerOnly.length + this.#held.length;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The window is the recorder's until it calls `release`. */
  add(window: RecordedWindow): void {
    this.#held.push(window);
    this.#heldBytes += window.heldBytes;
    if (this.#cancelRetry === undefined) this.#work();
    this.#keepBounds();
  }

  /** Retries now what is pending, for at most `deadlineMs`; answers whether everything is durable. */
  flush(deadlineMs: number): Promise<boolean> {
    this.#cancelRetry?.();
    this.#work();
    if (this.waiting === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const pendingFlush = (complete: boolean) => {
        cancel();
        resolve(complete);
      };
      const cancel = this.#options.after(deadlineMs, () => {
        this.#pendingFlushes = this.#pendingFlushes.filter((other) => other !== pendingFlush);
        // A timer that still ran would keep the thread, and so the whole agent, from ending.
        this.#cancelRetry?.();
        resolve(false);
      });
      this.#pendingFlushes.push(pendingFlush);
    });
  }

  #work(): void {
    this.#cancelRetry = undefined;
    while (this.waiting > 0) {
      const queue = this.#ledgerOnly.length > 0 ? this.#ledgerOnly : this.#held;
      const window = queue[0]!;
      const written = this.#write(window);
      if (written === undefined) return;
      queue.shift();
      this.#heldBytes -= window.heldBytes;
      this.#recovered();
      this.#options.events.onDurable(window, written.entries, written.records);
      window.forget();
      window.release();
    }
    for (const resolve of this.#pendingFlushes.splice(0)) resolve(true);
  }

  /** The oldest goes into the next of its point; of so many at least two have one. */
  #mergeLedgerOnly(): void {
    const oldest = this.#ledgerOnly.shift()!;
    const next = this.#ledgerOnly.findIndex((window) => isSamePoint(window, oldest));
    if (next < 0) this.#ledgerOnly.push(oldest);
    else this.#ledgerOnly[next] = merged(oldest, this.#ledgerOnly[next]!);
  }

  #write(window: RecordedWindow): { readonly entries: readonly WrittenBatch[]; readonly records: number } | undefined {
    const { writer } = this.#options;
    let records = 0;
    let parts = 0;
    let entries: readonly WrittenBatch[];
    try {
      parts = encodeBatches(
        {
          header: window.header,
          cursor: window.records(),
          ledger: window.ledger,
          recordsMax: this.#options.recordsMax ?? RECORDS_MAX,
          firstPart: window.firstPart,
        },
        (bytes, _part, count) => {
          writer.stage(bytes, window.point.flowLog.sinks);
          records += count;
        },
      );
      entries = writer.commit();
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      writer.abandon();
      this.#failed(error);
      return undefined;
    }
    this.counters.windows++;
    this.counters.batches += parts;
    this.counters.records += records;
    return { entries, records };
  }

  #failed(error: OperationalError): void {
    const first = this.#failure === undefined;
    this.#failure = error;
    this.counters.failures++;
    this.#cancelRetry = this.#options.after(this.#retryMs, () => this.#work());
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
    if (first) this.#options.events.onState(error);
  }

  #recovered(): void {
    this.#retryMs = RETRY_MS_MIN;
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#options.events.onState(undefined);
  }

  #keepBounds(): void {
    const { heldWindowsMax, heldBytesMax } = this.#options;
    while (this.#held.length > 0 && (this.#held.length > heldWindowsMax || this.#heldBytes > heldBytesMax)) {
      const window = this.#held.shift()!;
      this.#ledgerOnly.push(withoutRecords(window));
      this.counters.windowsEvicted++;
      this.counters.packetsEvicted += window.ledger.metered.packets;
      this.#heldBytes -= window.heldBytes;
      this.#options.events.onEvicted(window);
      window.release();
    }
    while (this.#ledgerOnly.length > LEDGER_ONLY_MAX) {
      this.#mergeLedgerOnly();
      this.counters.ledgersMerged++;
    }
  }
}

/** One ledger-only window for all windows from the one to the other, under the identity of the first. */
function merged(older: RecordedWindow, newer: RecordedWindow): RecordedWindow {
  const windowStart = Math.min(older.header.windowStart, newer.header.windowStart);
  const end = Math.max(endOf(older.header), endOf(newer.header));
  const ledger = createLedger([]);
  addLedger(ledger, older.ledger);
  addLedger(ledger, newer.ledger);
  joinGaps(ledger.gaps, LEDGER_ONLY_GAPS_MAX);
  // A closure for each of thousands of windows would be a queue of its own.
  older.forget();
  const header = { ...older.header, windowStart, windowSeconds: end - windowStart };
  return { ...newer, header, firstPart: older.firstPart, ledger };
}

function endOf({ windowStart, windowSeconds }: WindowHeader): number {
  return windowStart + windowSeconds;
}

function isSamePoint(left: RecordedWindow, right: RecordedWindow): boolean {
  return left.header.flowLogId === right.header.flowLogId && left.header.interfaceId === right.header.interfaceId;
}

/**
 * Where the parts of a revision begin. Revisions of one window so never share a part, and a revision has the same parts whenever it is
 * written: also after a kill, when what was written before is not known.
 */
export function firstPartOf(revision: number): number {
  return (revision % REVISIONS_MAX) * REVISION_PARTS;
}

function withoutRecords(window: RecordedWindow): RecordedWindow {
  const { ledger } = window;
  const overflowed = { ...ledger.overflowed };
  addTally(overflowed, ledger.metered);
  return {
    point: window.point,
    header: window.header,
    firstPart: window.firstPart,
    ledger: {
      ...ledger,
      metered: { packets: 0, bytes: 0 },
      coarsened: { packets: 0, bytes: 0 },
      coarsenedKeys: 0,
      rejected: { packets: 0, bytes: 0 },
      rejectsUnmatched: { packets: 0, bytes: 0 },
      overflowed,
    },
    heldBytes: 0,
    records: () => ({ next: () => false }),
    forget: () => window.forget(),
    release: () => {},
  };
}
