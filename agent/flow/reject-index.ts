import type { HashSeed } from './hash.ts';
import { isSameKey, SLOT_LAYOUTS, slotBytes, slotHash } from './slot-key.ts';
import type { TableSlots } from './table-cursor.ts';

/** Finds what was rejected of a flow where the tap saw it: open addressing over the slots of all such tables. */
export class RejectIndex {
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
    for (
      let entry = slotHash(this.#seed, family, words, at) & mask;
      this.#entryWord[entry] !== 0;
      entry = (entry + 1) & mask
    ) {
      const table = this.#tables[this.#entryTable[entry]!]!;
      const word = this.#entryWord[entry]! - 1;
      if (table.family !== family || !isSameKey(family, table.words, word, words, at)) continue;
      const state = word + SLOT_LAYOUTS[family].state;
      this.packets += table.words[state + 1]! >>> 0;
      this.bytes += slotBytes(table.words, state);
    }
    return this.packets > 0;
  }

  #add(number: number, { family, words }: TableSlots): void {
    const { words: slotWords, state } = SLOT_LAYOUTS[family];
    const mask = this.#entryWord.length - 1;
    for (let at = 0; at < words.length; at += slotWords) {
      if (words[at + state] === 0) continue;
      let entry = slotHash(this.#seed, family, words, at) & mask;
      while (this.#entryWord[entry] !== 0) entry = (entry + 1) & mask;
      this.#entryTable[entry] = number;
      this.#entryWord[entry] = at + 1;
    }
  }
}

function occupied(family: 4 | 6, words: Int32Array): number {
  const { words: slotWords, state } = SLOT_LAYOUTS[family];
  let slots = 0;
  for (let at = state; at < words.length; at += slotWords) if (words[at] !== 0) slots++;
  return slots;
}
