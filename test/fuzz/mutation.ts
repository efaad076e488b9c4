/** Damages inputs: what a coverage-less fuzzer does, from a seed, so that a run can be had again. */

/** Answers 0 to below - 1. */
export type Random = (below: number) => number;

/** xorshift32; a seed of 0 would stay 0. */
export function randomFrom(seed: number): Random {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export const INPUT_BYTES_MAX = 65_536;
/** Numbers at which lengths, offsets and signs turn over. */
const EDGES = [
  0, 1, 2, 3, 4, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];

type Change = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

/** Fields lie at the front more often than not. */
function place(bytes: Uint8Array, random: Random): number {
  if (bytes.length === 0) return 0;
  return random(random(2) === 0 ? Math.min(bytes.length, 96) : bytes.length);
}

function inPlace(change: (bytes: Uint8Array, at: number, random: Random) => void): Change {
  return (bytes, random) => {
    const copy = bytes.slice();
    if (copy.length > 0) change(copy, place(copy, random), random);
    return copy;
  };
}

function edgeNumber(bytes: Uint8Array, at: number, random: Random): void {
  const width = [1, 2, 4][random(3)]!;
  const value = EDGES[random(EDGES.length)]!;
  const isLittleEndian = random(2) === 0;
  for (let i = 0; i < width && at + i < bytes.length; i++) {
    bytes[at + i] = (value >>> (8 * (isLittleEndian ? i : width - 1 - i))) & 0xff;
  }
}

const CHANGES: readonly Change[] = [
  inPlace((bytes, at, random) => {
    bytes[at]! ^= 1 << random(8);
  }),
  inPlace((bytes, at, random) => {
    bytes[at] = random(256);
  }),
  inPlace((bytes, at, random) => {
    bytes[at]! += random(2) === 0 ? 1 : 255;
  }),
  inPlace(edgeNumber),
  inPlace(edgeNumber),
  /* Cut off. */
  (bytes, random) => bytes.slice(0, random(bytes.length + 1)),
  /* A piece taken out. */
  (bytes, random) => {
    const at = place(bytes, random);
    return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + random(16)));
  },
  /* A piece twice, or many times: what nests nests deeper. */
  (bytes, random) => {
    const at = place(bytes, random);
    const piece = bytes.subarray(at, at + 1 + random(32));
    const times = random(8) === 0 ? random(400) : 1;
    return joined(bytes.subarray(0, at), ...new Array<Uint8Array>(times).fill(piece), bytes.subarray(at));
  },
  /* The front of one, the rest of another. */
  (bytes, random, other) =>
    joined(bytes.subarray(0, random(bytes.length + 1)), other.subarray(random(other.length + 1))),
  /* A piece of another, put in. */
  (bytes, random, other) => {
    const at = place(bytes, random);
    const from = random(other.length + 1);
    return joined(bytes.subarray(0, at), other.subarray(from, from + random(64)), bytes.subarray(at));
  },
];

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts).subarray(0, INPUT_BYTES_MAX));
}

/** One seed with one to six changes, `other` lending pieces. */
export function mutated(seed: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let bytes = seed;
  for (let left = 1 + random(6); left > 0; left--) bytes = CHANGES[random(CHANGES.length)]!(bytes, random, other);
  return bytes;
}
