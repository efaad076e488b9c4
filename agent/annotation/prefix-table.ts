/**
 * Longest-prefix match over networks of one address family, for tables of thousands of prefixes that are read a million
 * times: nested networks are flattened once into disjoint ranges, in order, so that a lookup is one binary search without
 * allocation. n networks give at most 2n + 1 ranges.
 *
 * An address is compared as four 32-bit words; IPv4 uses the first and leaves the others zero.
 */
import type { Network } from '../packet/address.ts';

const WORDS = 4;

/** One boundary of the flattened ranges: from `start` to the next boundary the networks say `value`, or nothing. */
interface Boundary<Value> {
  readonly start: bigint;
  readonly value: Value | undefined;
}

export class PrefixTable<Value> {
  /** The starts of the ranges, four words each, ascending; the first is address zero. */
  readonly #starts: Uint32Array;
  readonly #values: readonly (Value | undefined)[];

  /** Where two networks are the same, the later one counts. All must be of one family. */
  constructor(networks: readonly (readonly [Network, Value])[]) {
    const boundaries = flatten(networks);
    this.#values = boundaries.map(({ value }) => value);
    this.#starts = new Uint32Array(boundaries.length * WORDS);
    for (const [index, { start }] of boundaries.entries()) this.#starts.set(wordsOf(start), index * WORDS);
  }

  /** Ranges of equal value. */
  get ranges(): number {
    return this.#values.length;
  }

  /** What the longest prefix that holds the address says; undefined where none does. */
  find(word0: number, word1: number, word2: number, word3: number): Value | undefined {
    let low = 0;
    let high = this.#values.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#startsAfter(middle, word0, word1, word2, word3)) high = middle;
      else low = middle;
    }
    return this.#values[low];
  }

  #startsAfter(index: number, word0: number, word1: number, word2: number, word3: number): boolean {
    const starts = this.#starts;
    const at = index * WORDS;
    if (starts[at]! !== word0) return starts[at]! > word0;
    if (starts[at + 1]! !== word1) return starts[at + 1]! > word1;
    if (starts[at + 2]! !== word2) return starts[at + 2]! > word2;
    return starts[at + 3]! > word3;
  }
}

interface Range<Value> {
  readonly start: bigint;
  /** The first address behind it. */
  readonly end: bigint;
  readonly value: Value;
}

/** Networks are nested or disjoint, never crossed: those that are open at an address are a stack, the longest on top. */
function flatten<Value>(networks: readonly (readonly [Network, Value])[]): Boundary<Value>[] {
  const open: Range<Value>[] = [];
  const boundaries: Boundary<Value>[] = [{ start: 0n, value: undefined }];
  const mark = (start: bigint) => {
    const value = open.at(-1)?.value;
    if (boundaries.at(-1)!.start === start) boundaries.pop();
    if (boundaries.length === 0 || boundaries.at(-1)!.value !== value) boundaries.push({ start, value });
  };
  const closeUntil = (start: bigint) => {
    for (let top = open.at(-1); top !== undefined && top.end <= start; top = open.at(-1)) {
      open.pop();
      mark(top.end);
    }
  };
  for (const range of networks.map(rangeOf).sort(byStartWidestFirst)) {
    closeUntil(range.start);
    open.push(range);
    mark(range.start);
  }
  closeUntil(ADDRESSES);
  return boundaries.filter(({ start }) => start < ADDRESSES);
}

const ADDRESSES = 1n << 128n;

function byStartWidestFirst(a: Range<unknown>, b: Range<unknown>): number {
  if (a.start !== b.start) return a.start < b.start ? -1 : 1;
  if (a.end === b.end) return 0;
  return a.end > b.end ? -1 : 1;
}

function rangeOf<Value>([network, value]: readonly [Network, Value]): Range<Value> {
  const start = addressOf(network.words);
  const last = start | (addressOf(network.masks.map((mask) => ~mask)) & addressOf(onesOf(network)));
  const width = network.family === 4 ? 96n : 0n;
  return { start, end: ((last >> width) + 1n) << width, value };
}

function onesOf({ words }: Network): Int32Array {
  return new Int32Array(words.length).fill(-1);
}

function addressOf(words: Int32Array): bigint {
  let address = 0n;
  for (let word = 0; word < WORDS; word++) address = (address << 32n) | BigInt((words[word] ?? 0) >>> 0);
  return address;
}

function wordsOf(address: bigint): number[] {
  return [96n, 64n, 32n, 0n].map((shift) => Number((address >> shift) & 0xffff_ffffn));
}
