/**
 * Which parts of the kernel's memory are taken: a buddy system. A range is a power of two of bytes and lies on a multiple of its
 * size, counted from the first address; its buddy is the other half of the range that both came from, and two free ones become that range again.
 */

/** One page. */
export const RANGE_BYTES_MIN = 4096;

export class Ranges {
  /** Where the free ranges begin, counted from the first address, by their size. */
  readonly #free = new Map<number, Set<number>>();
  /** Sizes of those that are taken, by their beginning. */
  readonly #taken = new Map<number, number>();
  readonly #from: number;
  readonly #sizeMax: number;

  /** Manages `bytes` from the address `from` on, both of whole pages. */
  constructor(from: number, bytes: number) {
    this.#from = from;
    this.#sizeMax = 2 ** Math.floor(Math.log2(bytes));
    let at = 0;
    for (let size = this.#sizeMax; size >= RANGE_BYTES_MIN; size /= 2) {
      if (at + size > bytes) continue;
      this.#freeOf(size).add(at);
      at += size;
    }
  }

  /** The address of a range with room for so many bytes, or undefined where there is none. */
  take(bytes: number): number | undefined {
    const size = sizeFor(bytes);
    const at = this.#split(size);
    if (at === undefined) return undefined;
    this.#taken.set(at, size);
    return this.#from + at;
  }

  /** @param address of a range that was taken */
  giveBack(address: number): void {
    let at = address - this.#from;
    let size = this.#taken.get(at)!;
    this.#taken.delete(at);
    while (size < this.#sizeMax && this.#freeOf(size).delete(at ^ size)) {
      at &= ~size;
      size *= 2;
    }
    this.#freeOf(size).add(at);
  }

  /** A free range of the size, out of a larger one if need be; it is not free any more. */
  #split(size: number): number | undefined {
    if (size > this.#sizeMax) return undefined;
    const free = this.#freeOf(size);
    const [first] = free;
    if (first !== undefined) {
      free.delete(first);
      return first;
    }
    const whole = this.#split(size * 2);
    if (whole !== undefined) free.add(whole + size);
    return whole;
  }

  #freeOf(size: number): Set<number> {
    const known = this.#free.get(size);
    if (known !== undefined) return known;
    const free = new Set<number>();
    this.#free.set(size, free);
    return free;
  }
}

function sizeFor(bytes: number): number {
  let size = RANGE_BYTES_MIN;
  while (size < bytes) size *= 2;
  return size;
}
