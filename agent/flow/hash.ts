/**
 * Pair-multiply hashing (Thorup, "High Speed Hashing for Integers and Strings", 2015, section 3.6) with a finalizer: each
 * 32-bit word of the key is cut in halves x and y, and (a + x) * (b + y) is summed modulo 2^32 with random a and b that only
 * this process knows. Whatever two keys an attacker crafts, their sums meet with a chance of at most 2^-17; mixes without that
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
    pair(seed[1]!, seed[2]!, source) +
    pair(seed[3]!, seed[4]!, destination) +
    pair(seed[5]!, seed[6]!, ports) +
    Math.imul(seed[0]!, protocol);
  return finalize(sum | 0);
}

/** Hashes the IPv6 key in nine words (four of source, four of destination, ports) at `row`, plus the protocol. */
export function hashIpv6(seed: HashSeed, rows: Int32Array, row: number, protocol: number): number {
  const source =
    pair(seed[1]!, seed[2]!, rows[row]!) +
    pair(seed[3]!, seed[4]!, rows[row + 1]!) +
    pair(seed[5]!, seed[6]!, rows[row + 2]!) +
    pair(seed[7]!, seed[8]!, rows[row + 3]!);
  const destination =
    pair(seed[9]!, seed[10]!, rows[row + 4]!) +
    pair(seed[11]!, seed[12]!, rows[row + 5]!) +
    pair(seed[13]!, seed[14]!, rows[row + 6]!) +
    pair(seed[15]!, seed[16]!, rows[row + 7]!);
  const rest = pair(seed[17]!, seed[18]!, rows[row + 8]!) + Math.imul(seed[0]!, protocol);
  return finalize((source + destination + rest) | 0);
}

function pair(a: number, b: number, word: number): number {
  return Math.imul(a + (word & 0xffff), b + (word >>> 16));
}

function finalize(sum: number): number {
  let hash = Math.imul(sum ^ (sum >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
