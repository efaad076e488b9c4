/**
 * How many different flow keys met a full table, without room for the keys: HyperLogLog (Flajolet, Fusy, Gandouet, Meunier,
 * "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007). Each key's hash chooses a register
 * by its upper bits and leaves there the longest run of zeros seen in the others.
 *
 * Limit: one page, for any number of keys. The estimate's standard error is 1.04 / sqrt(registers) = 1.6 %; up to some
 * thousand keys it is better, because empty registers are then counted instead (section 4 there).
 */
export const SKETCH_BYTES = 4096;
/** Of one estimate, as a share of it. */
export const SKETCH_STANDARD_ERROR = 1.04 / Math.sqrt(SKETCH_BYTES);

const INDEX_BITS = Math.log2(SKETCH_BYTES);
/** The longest run, plus one: of a hash whose other bits are all 0. */
const RANK_MAX = 32 - INDEX_BITS + 1;
const ALPHA = 0.7213 / (1 + 1.079 / SKETCH_BYTES);

export class KeySketch {
  #registers: Uint8Array | undefined;
  #isEmpty = true;

  /** Puts the registers where they outlive the process, before the first key. @param registers `SKETCH_BYTES`, zeroed */
  keepIn(registers: Uint8Array): void {
    this.#registers = registers;
  }

  /** @param hash 32 bits, each as random as the others */
  add(hash: number): void {
    this.#registers ??= new Uint8Array(SKETCH_BYTES);
    this.#isEmpty = false;
    const register = hash >>> (32 - INDEX_BITS);
    // The one behind the hash's other bits ends the run where they are all 0.
    const rank = Math.clz32((hash << INDEX_BITS) | (1 << (INDEX_BITS - 1))) + 1;
    if (rank > this.#registers[register]!) this.#registers[register] = rank;
  }

  get keys(): number {
    return this.#registers === undefined || this.#isEmpty ? 0 : estimateKeys(this.#registers);
  }
}

/** Keys that these registers have seen, about; a whole number. */
export function estimateKeys(registers: Uint8Array): number {
  let sum = 0;
  let empty = 0;
  for (const rank of registers) {
    sum += 2 ** -Math.min(rank, RANK_MAX);
    if (rank === 0) empty += 1;
  }
  const raw = (ALPHA * registers.length ** 2) / sum;
  if (raw <= 2.5 * registers.length && empty > 0)
    return Math.round(registers.length * Math.log(registers.length / empty));
  // Two of so many keys often share a hash of 32 bits.
  const share = Math.min(raw / 2 ** 32, 1 - Number.EPSILON);
  return Math.round(raw <= 2 ** 32 / 30 ? raw : -(2 ** 32) * Math.log(1 - share));
}
