/**
 * How many different values there were: exactly up to `EXACT_MAX`, then an estimate (standard error 3 %) in the same memory. Values are
 * hashes below 2^53; those below a limit are kept, and whenever they are too many the limit is halved.
 *
 *     one value        #only
 *     up to EXACT_MAX  #slots: open addressing, at most half full; -1 where there is none
 */
export const EXACT_MAX = 2048;
const ALL = 2 ** 53;
const NONE = -1;
const SLOTS_MIN = 8;

export class Distinct {
  #only = NONE;
  #slots: Float64Array | undefined;
  #size = 0;
  #limit = ALL;

  /** @param hash an integer, 0 <= hash < 2^53. Answers how many more values it holds now, which may be fewer than none. */
  add(hash: number): number {
    const before = this.#size;
    if (hash >= this.#limit) return 0;
    if (before === 0) this.#only = hash;
    else if (this.#slots === undefined && hash === this.#only) return 0;
    if (before === 0) this.#size = 1;
    else this.#insert(hash);
    while (this.#size > EXACT_MAX) this.#halve();
    return this.#size - before;
  }

  get count(): number {
    return this.isExact ? this.#size : Math.round((this.#size * ALL) / this.#limit);
  }

  get isExact(): boolean {
    return this.#limit === ALL;
  }

  /** Values that it holds. */
  get size(): number {
    return this.#size;
  }

  #insert(hash: number): void {
    this.#slots ??= slotsWith([this.#only], SLOTS_MIN);
    if (!put(this.#slots, hash)) return;
    this.#size++;
    if (this.#size * 2 > this.#slots.length) this.#slots = slotsWith(this.#slots, this.#slots.length * 2);
  }

  #halve(): void {
    this.#limit /= 2;
    const kept = this.#slots!.filter((hash) => hash !== NONE && hash < this.#limit);
    this.#slots = slotsWith(kept, this.#slots!.length);
    this.#size = kept.length;
  }
}

function slotsWith(hashes: Iterable<number>, length: number): Float64Array {
  const slots = new Float64Array(length).fill(NONE);
  for (const hash of hashes) if (hash !== NONE) put(slots, hash);
  return slots;
}

/** Whether it is new. Low bits choose the slot: the limit is of high ones. */
function put(slots: Float64Array, hash: number): boolean {
  let slot = hash % slots.length;
  while (slots[slot] !== NONE) {
    if (slots[slot] === hash) return false;
    slot = (slot + 1) % slots.length;
  }
  slots[slot] = hash;
  return true;
}
