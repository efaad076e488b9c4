/**
 * Pair-multiply hashing (Thorup, "High Speed Hashing for Integers and Strings", 2015, section 3.6) with a finalizer: each
 * 32-bit word of the key is cut in halves x and y, and (a + x) * (b + y) is summed modulo 2^32 with random a and b that only
 * this process knows. Whatever two keys somebody crafts, their sums meet with a chance of at most 2^-17; mixes without that
 * promise (Murmur and its kin) have differences that cancel whatever the seed. The sums of keys that count up lie in
 * arithmetic progressions, in which linear probing runs into long clusters; the finalizer (that of Murmur 3) breaks them.
 *
 * Hot: one multiplication for each word, no table look-up. Benchmark case: `hash`.
 */

/** Nine words of an IPv6 key (two random numbers each) and the protocol. */
export const HASH_SEED_WORDS = 19;

/** Random numbers of one process: `HASH_SEED_WORDS` words from a cryptographic source. */
export type HashSeed = Int32Array;

export function hashIpv4(seed: HashSeed, source: number, destination: number, ports: number, protocol: number): number {
  const sum =
    Math.imul(seed[1]! + (source & 0xffff), seed[2]! + (source >>> 16)) +
    Math.imul(seed[3]! + (destination & 0xffff), seed[4]! + (destination >>> 16)) +
    Math.imul(seed[5]! + (ports & 0xffff), seed[6]! + (ports >>> 16)) +
    Math.imul(seed[0]!, protocol);
  return finalize(sum | 0);
}

/** Hashes the IPv6 key in nine words (four of source, four of destination, ports) at `row`, plus the protocol. */
export function hashIpv6(seed: HashSeed, rows: Int32Array, row: number, protocol: number): number {
  let sum = Math.imul(seed[0]!, protocol);
  for (let word = 0; word < 9; word++) {
    const value = rows[row + word]!;
    sum = (sum + Math.imul(seed[2 * word + 1]! + (value & 0xffff), seed[2 * word + 2]! + (value >>> 16))) | 0;
  }
  return finalize(sum);
}

function finalize(sum: number): number {
  let hash = Math.imul(sum ^ (sum >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
