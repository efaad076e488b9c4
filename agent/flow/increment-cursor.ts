/**
 * What the flows of a window have more than at an earlier reading of its tables. Over all readings of a window, the last one of its
 * closed tables, the increments of a flow add up to its record (table-cursor.ts, verdict-cursor.ts).
 *
 * Packets that the packet filter rejected are known a moment after the tap has counted them, so an increment of what was accepted may be
 * negative. A slot whose counters went backwards was not settled when it was read: it has what it had before.
 */
import type { FlowRecord, RecordCursor } from '../model/flow-record.ts';
import type { Tally } from '../model/ledger.ts';
import type { HashSeed } from './hash.ts';
import { RejectIndex } from './reject-index.ts';
import { findSlot, SLOT_LAYOUTS, slotBytes, writeAnswerKey } from './slot-key.ts';
import { IPV6_WORDS, STATE_BYTES_FULL, STATE_CARRYING } from './slot-layout.ts';
import type { TableSlots } from './table-cursor.ts';
import { loadFurther } from './table-parts.ts';

export interface IncrementOptions {
  /** As they are. What the cursor does not answer is taken out of them, so that a later cursor does, unless it is the last one. */
  readonly now: readonly TableSlots[];
  readonly before: readonly TableSlots[];
  readonly hashSeed: HashSeed;
  /** Of the tap's tables. */
  readonly flowsMax: number;
  /** Goes up with every reading: each begins elsewhere in the tables, so that every flow has its turn. */
  readonly turn?: number;
  /** The tables are those of the closed window, and not to be changed. */
  readonly isLast?: boolean;
}

const GOLDEN_SECTION = 0.618_033_988_75;

export class IncrementCursor implements RecordCursor {
  /** Flows with increments that are left for the next reading, and their packets. */
  deferred = 0;
  deferredPackets = 0;
  readonly #options: IncrementOptions;
  readonly #nowRejects: RejectIndex;
  readonly #beforeRejects: RejectIndex;
  readonly #answer = new Int32Array(IPV6_WORDS);
  #answered = 0;
  #table = 0;
  #at = 0;
  /** Of the last answer. */
  #last: Slot = { family: 4, words: new Int32Array(IPV6_WORDS), at: 0 };

  constructor(options: IncrementOptions) {
    this.#options = options;
    this.#nowRejects = new RejectIndex(options.now, options.hashSeed);
    this.#beforeRejects = new RejectIndex(options.before, options.hashSeed);
  }

  next(record: FlowRecord): boolean {
    const { now } = this.#options;
    for (; this.#table < now.length; this.#table++, this.#at = 0) {
      const table = now[this.#table]!;
      const first = this.#firstOf(table);
      const before = this.#options.before.find((one) => isSameTable(one, table));
      const layout = SLOT_LAYOUTS[table.family];
      while (this.#at < table.words.length) {
        const at = (first + this.#at) & (table.words.length - 1);
        this.#at += layout.words;
        if (table.words[at + layout.state] !== 0 && this.#load(table, before, at, record)) return true;
      }
    }
    return false;
  }

  /** When the flow that answers the last one began, in microseconds of the window; -1 where none does. */
  answeredAt(): number {
    const { family, words, at } = this.#last;
    writeAnswerKey(family, words, at, this.#answer);
    const table = this.#options.now.find((one) => one.family === family && one.rejection === undefined);
    if (table === undefined) return -1;
    const found = findSlot(table.words, this.#options.hashSeed, family, this.#answer, 0);
    return found < 0 ? -1 : table.words[found + SLOT_LAYOUTS[family].state + 3]!;
  }

  /** Where a walk begins: golden sections of a circle leave no part of it out for long. */
  #firstOf({ family, words }: TableSlots): number {
    const { words: slotWords } = SLOT_LAYOUTS[family];
    const part = ((this.#options.turn ?? 0) * GOLDEN_SECTION) % 1;
    return Math.floor((part * words.length) / slotWords) * slotWords;
  }

  /** False where there is nothing new. */
  #load(
    { family, words, further, rejection }: TableSlots,
    before: TableSlots | undefined,
    at: number,
    record: FlowRecord,
  ) {
    const { state, load, words: slotWords } = SLOT_LAYOUTS[family];
    const { flowsMax, isLast = false } = this.#options;
    const slot: Slot = { family, words, at };
    const former = before && this.#former(before, slot);
    if (!isLast && former !== undefined) {
      if (isLess(words, at + state, former)) keepCounters(words, at + state, former);
      // A table that grows has these a moment after the counters.
      if (hasLess(further, at / slotWords, former)) keepFurther(further, at / slotWords, former);
    }
    load(words, at, record);
    loadFurther(further, at / slotWords, record);
    this.#subtract(record, slot, former, rejection !== undefined);
    if (isNothing(record)) return false;
    // What is rejected of a flow comes at once, and its accepted packets with it: one is taken from the other.
    const mayWait = rejection === undefined && !this.#nowRejects.find(family, words, at);
    if (mayWait && ++this.#answered > flowsMax) {
      if (!isLast) {
        keepCounters(words, at + state, former);
        keepFurther(further, at / slotWords, former);
      }
      this.deferred++;
      this.deferredPackets += record.packets;
      return false;
    }
    record.isAnnotated = rejection !== undefined;
    record.annotations.action = rejection === undefined ? 'ACCEPT' : 'REJECT';
    record.annotations.rejectRule = rejection?.rule ?? '';
    this.#last = slot;
    return true;
  }

  #subtract(record: FlowRecord, { family, words, at }: Slot, former: Counters | undefined, isRejected: boolean): void {
    const [now, before] = [this.#nowRejects, this.#beforeRejects];
    if (!isRejected && now.find(family, words, at)) lower(record, now);
    if (former === undefined) return;
    const had = { packets: former.words[former.state + 1]! >>> 0, bytes: slotBytes(former.words, former.state) };
    if (!isRejected && before.find(family, words, at)) lower(had, before);
    record.packets -= had.packets;
    record.bytes -= had.bytes;
    record.furtherPackets -= former.furtherPackets;
    record.furtherBytes -= former.furtherBytes;
  }

  /** A table that has not grown has its flows where they were. */
  #former({ words: before, further }: TableSlots, { family, words, at }: Slot): Counters | undefined {
    const { state, words: slotWords } = SLOT_LAYOUTS[family];
    const isInPlace = before.length === words.length;
    const found = isInPlace ? at : findSlot(before, this.#options.hashSeed, family, words, at);
    if (found < 0 || before[found + state] === 0) return undefined;
    const slot = (2 * found) / slotWords;
    const [furtherPackets = 0, furtherBytes = 0] = further?.subarray(slot, slot + 2) ?? [];
    return { words: before, state: found + state, furtherPackets, furtherBytes };
  }
}

interface Slot {
  readonly family: 4 | 6;
  readonly words: Int32Array;
  readonly at: number;
}

/** What a slot has from its state word on. */
interface Counters {
  readonly words: Int32Array;
  readonly state: number;
  readonly furtherPackets: number;
  readonly furtherBytes: number;
}

function isSameTable(left: TableSlots, right: TableSlots): boolean {
  return (
    left.family === right.family &&
    left.rejection?.rule === right.rejection?.rule &&
    left.rejection?.wasTapped === right.rejection?.wasTapped
  );
}

/** As verdict-cursor.ts does it: where no packet is left, nothing is. */
function lower(counted: Tally, rejected: Tally): void {
  counted.packets = Math.max(0, counted.packets - rejected.packets);
  counted.bytes = counted.packets === 0 ? 0 : Math.max(0, counted.bytes - rejected.bytes);
}

function isLess(words: Int32Array, state: number, former: Counters): boolean {
  const hasFewer = words[state + 1]! >>> 0 < former.words[former.state + 1]! >>> 0;
  return hasFewer || slotBytes(words, state) < slotBytes(former.words, former.state);
}

function isNothing({ packets, bytes, furtherPackets, furtherBytes }: FlowRecord): boolean {
  return packets === 0 && bytes === 0 && furtherPackets === 0 && furtherBytes === 0;
}

function hasLess(further: Float64Array | undefined, slot: number, former: Counters): boolean {
  return (
    further !== undefined &&
    (further[2 * slot]! < former.furtherPackets || further[2 * slot + 1]! < former.furtherBytes)
  );
}

function keepFurther(further: Float64Array | undefined, slot: number, former: Counters | undefined): void {
  further?.set([former?.furtherPackets ?? 0, former?.furtherBytes ?? 0], 2 * slot);
}

/** The counters, with the bits of the state that belong to them; none where there were none. */
function keepCounters(words: Int32Array, state: number, former: Counters | undefined): void {
  const bits = STATE_BYTES_FULL | STATE_CARRYING;
  const formerState = former === undefined ? 0 : former.words[former.state]!;
  words[state] = (words[state]! & ~bits) | (formerState & bits);
  words[state + 1] = former === undefined ? 0 : former.words[former.state + 1]!;
  words[state + 2] = former === undefined ? 0 : former.words[former.state + 2]!;
}
