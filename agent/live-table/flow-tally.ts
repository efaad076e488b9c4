/**
 * The flows of a whole debug run: every window adds to them, the last one gives their rates.
 *
 * Memory: `FLOWS_MAX` flows. When there are more, the smaller half is forgotten, so that a large flow always finds room; and of
 * a window with more than `WINDOW_FLOWS_MAX` flows only the largest are looked at, so that a flood of them costs little. What was
 * forgotten stays in the totals and is said.
 */
import type { Action } from '../model/annotations.ts';
import type { FlowRecord, RecordCursor } from '../model/flow-record.ts';
import { addLedger, addTally, createLedger, type Ledger, type Tally } from '../model/ledger.ts';
import { TopRecords } from '../record/table.ts';

export const FLOWS_MAX = 65_536;
export const WINDOW_FLOWS_MAX = 16_384;
/** A rate is of a time, however short. */
const OBSERVED_SECONDS_MIN = 0.001;

/** A flow on one interface, as it stands. */
export interface WatchedFlow {
  readonly interfaceName: string;
  /** The key, with packets, bytes and flags of the whole run. */
  readonly record: FlowRecord;
  /** Unix time with its fraction. */
  first: number;
  last: number;
  /** Of the last window in which it was seen. */
  windowStart: number;
  windowPackets: number;
  windowBytes: number;
}

/** Packets and bytes a second, over the time for which the last closed window was observed. */
export interface Rate {
  readonly packets: number;
  readonly bytes: number;
}

export interface TallyWindow {
  /** Unix seconds. */
  readonly start: number;
  readonly ledger: Ledger;
  records(): RecordCursor;
}

export class FlowTally {
  readonly ledger = createLedger([]);
  windows = 0;
  records = 0;
  /** Flows that were dropped from the table, and may have come back since. */
  forgotten = 0;
  /** Start of the newest window; nothing was seen before the first. */
  latestStart = Number.NEGATIVE_INFINITY;
  readonly startedAt: number;
  readonly windowSeconds: number;
  readonly #flowsMax: number;
  readonly #flows = new Map<string, WatchedFlow>();
  #latest: Tally = { packets: 0, bytes: 0 };
  /** Unix seconds of the end of the observation. */
  #observedUntil = Number.POSITIVE_INFINITY;
  #isOver = false;

  /** @param startedAt Unix seconds: the first window is shorter by what passed before */
  constructor(windowSeconds: number, startedAt: number, flowsMax = FLOWS_MAX) {
    this.windowSeconds = windowSeconds;
    this.startedAt = startedAt;
    this.#flowsMax = flowsMax;
  }

  add(interfaceName: string, window: TallyWindow): void {
    if (window.start > this.latestStart) {
      this.latestStart = window.start;
      this.#latest = { packets: 0, bytes: 0 };
    }
    if (window.start === this.latestStart) addTally(this.#latest, window.ledger.metered);
    const top = new TopRecords(WINDOW_FLOWS_MAX);
    top.add(window.records());
    for (const record of top.sorted()) this.#addRecord(interfaceName, window.start, record);
    this.records += top.records;
    this.forgotten += Math.max(0, top.records - WINDOW_FLOWS_MAX);
    addLedger(this.ledger, window.ledger);
    this.windows += 1;
  }

  /** Capturing ends: the windows that are still to come were observed up to here. */
  stop(seconds: number): void {
    this.#observedUntil = seconds;
  }

  /** Nothing comes any more: rates are now averages over the whole run. */
  end(seconds: number): void {
    this.#observedUntil = Math.min(this.#observedUntil, seconds);
    this.#isOver = true;
  }

  get flows(): Iterable<WatchedFlow> {
    return this.#flows.values();
  }

  get size(): number {
    return this.#flows.size;
  }

  /** Of all flows together. */
  get rate(): Rate {
    const { packets, bytes } = this.isOver ? this.ledger.metered : this.#latest;
    const seconds = this.observedSeconds;
    return { packets: packets / seconds, bytes: bytes / seconds };
  }

  rateOf(flow: WatchedFlow): Rate {
    const seconds = this.observedSeconds;
    if (this.isOver) return { packets: flow.record.packets / seconds, bytes: flow.record.bytes / seconds };
    if (flow.windowStart !== this.latestStart) return { packets: 0, bytes: 0 };
    return { packets: flow.windowPackets / seconds, bytes: flow.windowBytes / seconds };
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Windows that come now are those that the end of the run has closed. */
  get isStopped(): boolean {
    return this.#observedUntil !== Number.POSITIVE_INFINITY;
  }

  /** Unix seconds; undefined as long as the run continues. */
  get endedAt(): number | undefined {
    return this.isOver ? this.#observedUntil : undefined;
  }

  /** What rates are over: the run once it is over, before that the part of the last window that lies in the run. */
  get observedSeconds(): number {
    const windowEnd = this.latestStart + this.windowSeconds;
    const from = this.isOver ? this.startedAt : Math.max(this.latestStart, this.startedAt);
    const to = this.isOver ? this.#observedUntil : Math.min(windowEnd, this.#observedUntil);
    return Math.max(to - from, OBSERVED_SECONDS_MIN);
  }

  #addRecord(interfaceName: string, windowStart: number, record: FlowRecord): void {
    const key = keyOf(interfaceName, record);
    const flow = this.#flows.get(key);
    const first = windowStart + record.firstMicroseconds / 1e6;
    const last = windowStart + record.lastMicroseconds / 1e6;
    const window = { windowStart, windowPackets: record.packets, windowBytes: record.bytes };
    if (flow === undefined) {
      if (this.#flows.size >= this.#flowsMax) this.#forgetSmaller();
      this.#flows.set(key, { interfaceName, record, first, last, ...window });
      return;
    }
    flow.record.packets += record.packets;
    flow.record.bytes += record.bytes;
    flow.record.tcpFlags |= record.tcpFlags;
    flow.first = Math.min(flow.first, first);
    flow.last = Math.max(flow.last, last);
    Object.assign(flow, window);
  }

  #forgetSmaller(): void {
    const byBytes = [...this.#flows].sort(([, left], [, right]) => right.record.bytes - left.record.bytes);
    const forgotten = byBytes.slice(Math.floor(this.#flowsMax / 2));
    for (const [key] of forgotten) this.#flows.delete(key);
    this.forgotten += forgotten.length;
  }
}

/** What the packet filter did with it, as far as anybody knows. */
export function actionOf({ isAnnotated, annotations }: FlowRecord): Action {
  return isAnnotated ? annotations.action : 'ACCEPT';
}

/** The rule that rejected it, by its log prefix, which may be empty; undefined of a flow that was not rejected. */
export function rejectRuleOf(record: FlowRecord): string | undefined {
  return actionOf(record) === 'REJECT' ? record.annotations.rejectRule : undefined;
}

function keyOf(interfaceName: string, record: FlowRecord): string {
  const { family, protocol, sourcePort, destinationPort } = record;
  const source = `${record.source0} ${record.source1} ${record.source2} ${record.source3}`;
  const destination = `${record.destination0} ${record.destination1} ${record.destination2} ${record.destination3}`;
  const key = `${family} ${protocol} ${source} ${sourcePort} ${destination} ${destinationPort}`;
  return `${interfaceName} ${actionOf(record)} ${key} ${rejectRuleOf(record) ?? ''}`;
}
