/** The key of a flow where it lies in a slot: what two slots have in common, where a table has it, and who answers it. */
import { type HashSeed, hashIpv4, hashIpv6 } from './hash.ts';
import { bytesOf, loadIpv4, loadIpv6 } from './key-layout.ts';
import { IPV4_STATE, IPV4_WORDS, IPV6_STATE, IPV6_WORDS, STATE_PROTOCOL } from './slot-layout.ts';

export const SLOT_LAYOUTS = {
  4: { words: IPV4_WORDS, state: IPV4_STATE, load: loadIpv4 },
  6: { words: IPV6_WORDS, state: IPV6_STATE, load: loadIpv6 },
} as const;

/** A key is the words before the state, and the protocol in it. */
export function isSameKey(
  family: 4 | 6,
  left: Int32Array,
  leftAt: number,
  right: Int32Array,
  rightAt: number,
): boolean {
  const { state } = SLOT_LAYOUTS[family];
  for (let word = 0; word < state; word++) if (left[leftAt + word] !== right[rightAt + word]) return false;
  return ((left[leftAt + state]! ^ right[rightAt + state]!) & STATE_PROTOCOL) === 0;
}

export function slotHash(seed: HashSeed, family: 4 | 6, words: Int32Array, at: number): number {
  const protocol = words[at + SLOT_LAYOUTS[family].state]! & STATE_PROTOCOL;
  if (family === 6) return hashIpv6(seed, words, at, protocol);
  return hashIpv4(seed, words[at]!, words[at + 1]!, words[at + 2]!, protocol);
}

/** Where a table has the flow of another slot; -1 where it has not. A table of which not all can be trusted ends the search, too. */
export function findSlot(table: Int32Array, seed: HashSeed, family: 4 | 6, words: Int32Array, at: number): number {
  const { words: slotWords, state } = SLOT_LAYOUTS[family];
  const slots = table.length / slotWords;
  const first = slotHash(seed, family, words, at) >>> (32 - Math.log2(slots));
  for (let probe = 0; probe < slots; probe++) {
    const found = ((first + probe) & (slots - 1)) * slotWords;
    if (table[found + state] === 0) return -1;
    if (isSameKey(family, table, found, words, at)) return found;
  }
  return -1;
}

/** Writes the key of the flow that answers the one in the slot at `at` to the start of `key`. */
export function writeAnswerKey(family: 4 | 6, words: Int32Array, at: number, key: Int32Array): void {
  const { state, words: slotWords } = SLOT_LAYOUTS[family];
  const addressWords = (state - 1) / 2;
  key.fill(0, 0, slotWords);
  for (let word = 0; word < addressWords; word++) {
    key[word] = words[at + addressWords + word]!;
    key[addressWords + word] = words[at + word]!;
  }
  const ports = words[at + state - 1]!;
  key[state - 1] = (ports << 16) | (ports >>> 16);
  key[state] = words[at + state]! & STATE_PROTOCOL;
}

export function slotBytes(words: Int32Array, state: number): number {
  return bytesOf(words[state]!, words[state + 2]!);
}
