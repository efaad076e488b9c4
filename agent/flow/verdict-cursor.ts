/**
 * The records of a window some of whose packets were rejected. A tap cannot tell them from the others, so its tables count
 * them, and the tables of rejected packets (reject-tables.ts) say which they were:
 *
 *     ACCEPT = what the tap counted of a flow - what was rejected of it where the tap saw it; none when nothing is left
 *     REJECT = each flow of each table of rejected packets
 *
 * The lowered records keep the first and last time and the TCP flags of all packets that the tap saw. Nothing is written
 * into the tables, so the same window gives the same records as often as it is read, also after a kill.
 *
 * What was rejected and is in no flow of the tap (it was rewritten or reassembled before the filter, or its flow was coarsened)
 * is unmatched: it is in a REJECT record, and in an ACCEPT record, too, if the tap saw it as another flow.
 */
import type { FlowRecord, RecordCursor } from '../model/flow-record.ts';
import type { Ledger, Tally } from '../model/ledger.ts';
import { type HashSeed, hashIpv4, hashIpv6 } from './hash.ts';
import { bytesOf, loadIpv4, loadIpv6 } from './key-layout.ts';
import { IPV4_STATE, IPV4_WORDS, IPV6_STATE, IPV6_WORDS, STATE_PROTOCOL } from './slot-layout.ts';
import type { TableSlots } from './table-cursor.ts';

type SettledParts = Pick<Ledger, 'rejected' | 'rejectsUnmatched'>;

/** Whether some of the window's packets are known to have been rejected. */
export function hasVerdicts(tables: readonly TableSlots[]): boolean {
  return tables.some(({ rejection }) => rejection !== undefined);
}

/** What was rejected, as far as the tap's flows were lowered by it or never counted it, and what is unmatched. */
export function settleVerdicts(tables: readonly TableSlots[], seed: HashSeed): SettledParts {
  const tapped = { packets: 0, bytes: 0 };
  const rejected = { packets: 0, bytes: 0 };
  for (const { rejection, family, words } of tables) {
    if (rejection !== undefined) addSlots(family, words, rejection.wasTapped ? tapped : rejected);
  }
  const index = new RejectIndex(tables, seed);
  const matched = { packets: 0, bytes: 0 };
  for (const { rejection, family, words } of tables) {
    if (rejection !== undefined) continue;
    const layout = LAYOUTS[family];
    for (let at = 0; at < words.length; at += layout.words) {
      if (words[at + layout.state] === 0 || !index.find(family, words, at)) continue;
      matched.packets += Math.min(index.packets, words[at + layout.state + 1]! >>> 0);
      matched.bytes += Math.min(index.bytes, slotBytes(words, at + layout.state));
    }
  }
  return {
    rejected: { packets: rejected.packets + matched.packets, bytes: rejected.bytes + matched.bytes },
    rejectsUnmatched: { packets: tapped.packets - matched.packets, bytes: tapped.bytes - matched.bytes },
  };
}

/** Walks the flows of the tap, lowered, then those that were rejected. */
export class VerdictCursor implements RecordCursor {
  readonly #tables: readonly TableSlots[];
  readonly #index: RejectIndex;
  #table = 0;
  #at = 0;

  /** @param tables those of the tap first */
  constructor(tables: readonly TableSlots[], seed: HashSeed) {
    this.#tables = tables;
    this.#index = new RejectIndex(tables, seed);
  }

  next(record: FlowRecord): boolean {
    for (; this.#table < this.#tables.length; this.#table++, this.#at = 0) {
      const { family, words, rejection } = this.#tables[this.#table]!;
      const layout = LAYOUTS[family];
      while (this.#at < words.length) {
        const at = this.#at;
        this.#at += layout.words;
        if (words[at + layout.state] === 0) continue;
        layout.load(words, at, record);
        record.isAnnotated = rejection !== undefined;
        record.annotations.action = rejection === undefined ? 'ACCEPT' : 'REJECT';
        record.annotations.rejectRule = rejection?.rule ?? '';
        if (rejection !== undefined || this.#lower(record, words, at)) return true;
      }
    }
    return false;
  }

  /** False when nothing is left. */
  #lower(record: FlowRecord, words: Int32Array, at: number): boolean {
    if (!this.#index.find(record.family, words, at)) return true;
    record.packets = Math.max(0, record.packets - this.#index.packets);
    record.bytes = Math.max(0, record.bytes - this.#index.bytes);
    return record.packets > 0;
  }
}

const LAYOUTS = {
  4: { words: IPV4_WORDS, state: IPV4_STATE, load: loadIpv4 },
  6: { words: IPV6_WORDS, state: IPV6_STATE, load: loadIpv6 },
} as const;

/** Finds what was rejected of a flow where the tap saw it: open addressing over the slots of all such tables. */
class RejectIndex {
  /** Of the flow that `find` found. */
  packets = 0;
  bytes = 0;
  readonly #tables: readonly TableSlots[];
  readonly #seed: HashSeed;
  /** For each entry the number of its table and one more than its slot's word; 0 is free. */
  readonly #entryTable: Int32Array;
  readonly #entryWord: Int32Array;

  constructor(tables: readonly TableSlots[], seed: HashSeed) {
    this.#tables = tables;
    this.#seed = seed;
    const isIndexed = ({ rejection }: TableSlots) => rejection?.wasTapped === true;
    const slots = tables.filter(isIndexed).reduce((sum, { family, words }) => sum + occupied(family, words), 0);
    const entries = 2 ** Math.ceil(Math.log2(2 * slots + 1));
    this.#entryTable = new Int32Array(entries);
    this.#entryWord = new Int32Array(entries);
    for (const [number, table] of tables.entries()) if (isIndexed(table)) this.#add(number, table);
  }

  /** Whether any packet of the flow in the slot at `at` was rejected; the sum over all rules is in `packets` and `bytes`. */
  find(family: 4 | 6, words: Int32Array, at: number): boolean {
    const mask = this.#entryWord.length - 1;
    this.packets = 0;
    this.bytes = 0;
    for (let entry = this.#hash(family, words, at) & mask; this.#entryWord[entry] !== 0; entry = (entry + 1) & mask) {
      const table = this.#tables[this.#entryTable[entry]!]!;
      const word = this.#entryWord[entry]! - 1;
      if (table.family !== family || !isSameKey(family, table.words, word, words, at)) continue;
      const state = word + LAYOUTS[family].state;
      this.packets += table.words[state + 1]! >>> 0;
      this.bytes += slotBytes(table.words, state);
    }
    return this.packets > 0;
  }

  #add(number: number, { family, words }: TableSlots): void {
    const { words: slotWords, state } = LAYOUTS[family];
    const mask = this.#entryWord.length - 1;
    for (let at = 0; at < words.length; at += slotWords) {
      if (words[at + state] === 0) continue;
      let entry = this.#hash(family, words, at) & mask;
      while (this.#entryWord[entry] !== 0) entry = (entry + 1) & mask;
      this.#entryTable[entry] = number;
      this.#entryWord[entry] = at + 1;
    }
  }

  #hash(family: 4 | 6, words: Int32Array, at: number): number {
    const protocol = words[at + LAYOUTS[family].state]! & STATE_PROTOCOL;
    if (family === 6) return hashIpv6(this.#seed, words, at, protocol);
    return hashIpv4(this.#seed, words[at]!, words[at + 1]!, words[at + 2]!, protocol);
  }
}

/** A key is the words before the state, and the protocol in it. */
function isSameKey(family: 4 | 6, left: Int32Array, leftAt: number, right: Int32Array, rightAt: number): boolean {
  const { state } = LAYOUTS[family];
  for (let word = 0; word < state; word++) if (left[leftAt + word] !== right[rightAt + word]) return false;
  return ((left[leftAt + state]! ^ right[rightAt + state]!) & STATE_PROTOCOL) === 0;
}

function occupied(family: 4 | 6, words: Int32Array): number {
  const { words: slotWords, state } = LAYOUTS[family];
  let slots = 0;
  for (let at = state; at < words.length; at += slotWords) if (words[at] !== 0) slots++;
  return slots;
}

function addSlots(family: 4 | 6, words: Int32Array, tally: Tally): void {
  const { words: slotWords, state } = LAYOUTS[family];
  for (let at = state; at < words.length; at += slotWords) {
    if (words[at] === 0) continue;
    tally.packets += words[at + 1]! >>> 0;
    tally.bytes += slotBytes(words, at);
  }
}

function slotBytes(words: Int32Array, state: number): number {
  return bytesOf(words[state]!, words[state + 2]!);
}
