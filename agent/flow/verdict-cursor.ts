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
import type { HashSeed } from './hash.ts';
import { RejectIndex } from './reject-index.ts';
import { SLOT_LAYOUTS, slotBytes } from './slot-key.ts';
import type { TableSlots } from './table-cursor.ts';
import { loadFurther } from './table-parts.ts';

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
    const layout = SLOT_LAYOUTS[family];
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
      const { family, words, further, rejection } = this.#tables[this.#table]!;
      const layout = SLOT_LAYOUTS[family];
      while (this.#at < words.length) {
        const at = this.#at;
        this.#at += layout.words;
        if (words[at + layout.state] === 0) continue;
        layout.load(words, at, record);
        loadFurther(further, at / layout.words, record);
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

function addSlots(family: 4 | 6, words: Int32Array, tally: Tally): void {
  const { words: slotWords, state } = SLOT_LAYOUTS[family];
  for (let at = state; at < words.length; at += slotWords) {
    if (words[at] === 0) continue;
    tally.packets += words[at + 1]! >>> 0;
    tally.bytes += slotBytes(words, at);
  }
}
