/**
 * The flows of a whole debug run: every window adds to them, the last one gives their rates.
 *
 * Memory: `FLOWS_MAX` flows. When there are more, the smaller half is forgotten, so that a large flow always finds room; and of
 * a window with more than `WINDOW_FLOWS_MAX` flows only the largest are looked at, so that a flood of them costs little. What was
 * forgotten stays in the totals and is said.
 */
import { createAnnotations, type InitiatorEvidence } from '../model/annotations.ts';
import type { FlowRecord, RecordCursor } from '../model/flow-record.ts';
import { addLedger, addTally, createLedger, type Ledger, type Tally } from '../model/ledger.ts';
import { recordAddress } from '../record/endpoint.ts';
import { TopRecords } from '../record/table.ts';
import { type FlowKey, flowKeyOf } from './flow-key.ts';

export const FLOWS_MAX = 65_536;
export const WINDOW_FLOWS_MAX = 16_384;
/** A rate is of a time, however short. */
const OBSERVED_SECONDS_MIN = 0.001;

/** A flow on one interface, as it stands. */
export interface WatchedFlow extends FlowKey {
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
  /** Written when they are first shown, and once. */
  source?: string;
  destination?: string;
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

  /** @param annotate what is to be known of its records beside their packets */
  add(interfaceName: string, window: TallyWindow, annotate?: (record: FlowRecord) => void): void {
    if (window.start > this.latestStart) {
      this.latestStart = window.start;
      this.#latest = { packets: 0, bytes: 0 };
    }
    if (window.start === this.latestStart) addTally(this.#latest, window.ledger.metered);
    const top = new TopRecords(WINDOW_FLOWS_MAX);
    top.add(window.records());
    for (const record of top.sorted()) {
      const own = record.isAnnotated ? record : { ...record, annotations: createAnnotations() };
      annotate?.(own);
      this.#addRecord(interfaceName, window.start, own);
    }
    this.records += top.records;
    this.forgotten += Math.max(0, top.records - WINDOW_FLOWS_MAX);
    addLedger(this.ledger, window.ledger);
    this.windows += 1;
  }

  /** As it is now, for a table that is held still. */
  copy(): FlowTally {
    const copied = new FlowTally(this.windowSeconds, this.startedAt, this.#flowsMax);
    const { windows, records, forgotten, latestStart } = this;
    Object.assign(copied, { windows, records, forgotten, latestStart });
    addLedger(copied.ledger, this.ledger);
    copied.#latest = { ...this.#latest };
    copied.#observedUntil = this.#observedUntil;
    copied.#isOver = this.#isOver;
    for (const [key, flow] of this.#flows) {
      const record = { ...flow.record, annotations: { ...flow.record.annotations } };
      copied.#flows.set(key, { ...flow, record });
    }
    return copied;
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

  /** By its key. */
  find(key: string): WatchedFlow | undefined {
    return this.#flows.get(key);
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
    const key = flowKeyOf(interfaceName, record);
    const flow = this.#flows.get(key.key);
    const first = windowStart + record.firstMicroseconds / 1e6;
    const last = windowStart + record.lastMicroseconds / 1e6;
    const window = { windowStart, windowPackets: record.packets, windowBytes: record.bytes };
    if (flow === undefined) {
      if (this.#flows.size >= this.#flowsMax) this.#forgetSmaller();
      this.#flows.set(key.key, { ...key, interfaceName, record, first, last, ...window });
      return;
    }
    flow.record.packets += record.packets;
    flow.record.bytes += record.bytes;
    flow.record.tcpFlags |= record.tcpFlags;
    learn(flow.record, record);
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

export function addressOf(flow: WatchedFlow, side: 'source' | 'destination'): string {
  flow[side] ??= recordAddress(flow.record, side);
  return flow[side];
}

/** Undefined where its protocol has none. */
export function portOf({ record }: WatchedFlow, side: 'source' | 'destination'): number | undefined {
  const { sourcePort, destinationPort } = record;
  if (sourcePort === 0 && destinationPort === 0) return undefined;
  return side === 'source' ? sourcePort : destinationPort;
}

/** The stronger, the higher. */
const STRENGTH: Readonly<Record<InitiatorEvidence, number>> = { none: 0, port: 1, conntrack: 2, syn: 3 };

/** A later window may know what an earlier one could not. */
function learn(flow: FlowRecord, { isAnnotated, annotations: further }: FlowRecord): void {
  if (!isAnnotated) return;
  const { annotations } = flow;
  flow.isAnnotated = true;
  annotations.handshakeMicroseconds ||= further.handshakeMicroseconds;
  if (annotations.direction === 'unknown') annotations.direction = further.direction;
  if (STRENGTH[further.initiatorEvidence] <= STRENGTH[annotations.initiatorEvidence]) return;
  annotations.initiator = further.initiator;
  annotations.initiatorEvidence = further.initiatorEvidence;
}
