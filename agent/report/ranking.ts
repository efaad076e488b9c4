/** Sums by a key, of which the largest are wanted. */

export interface Sums {
  packets: number;
  bytes: number;
}

/** A number where a text would cost too much for every record. */
export type RankedKey = string | number;

export interface Ranked<Item extends Sums> {
  readonly label: string;
  readonly sums: Item;
}

/** Keys that are distinguished at once; the smaller half of them is forgotten when there are more. */
export const KEYS_MAX = 65_536;

export class Ranking<Item extends Sums> {
  readonly #create: () => Item;
  readonly #label: (key: RankedKey) => string;
  readonly #keysMax: number;
  readonly #items = new Map<RankedKey, Item>();
  /** Keys that were forgotten, and may have come back since. */
  forgotten = 0;

  /** @param label what a key is called in the end */
  constructor(create: () => Item, label: (key: RankedKey) => string = String, keysMax = KEYS_MAX) {
    this.#create = create;
    this.#label = label;
    this.#keysMax = keysMax;
  }

  /** The sums of a key, to be added to. */
  of(key: RankedKey): Item {
    let item = this.#items.get(key);
    if (item === undefined) {
      if (this.#items.size >= this.#keysMax) this.#forgetSmaller();
      item = this.#create();
      this.#items.set(key, item);
    }
    return item;
  }

  get size(): number {
    return this.#items.size;
  }

  /** Most bytes first. */
  largest(limit: number): readonly Ranked<Item>[] {
    return [...this.#items]
      .map(([key, sums]) => ({ label: this.#label(key), sums }))
      .sort(
        (left, right) =>
          right.sums.bytes - left.sums.bytes ||
          right.sums.packets - left.sums.packets ||
          (left.label < right.label ? -1 : 1),
      )
      .slice(0, limit);
  }

  /** A typed array sorts numbers many times faster than the items would be sorted. */
  #forgetSmaller(): void {
    const bytes = Float64Array.from(this.#items.values(), (item) => item.bytes).sort();
    const median = bytes[bytes.length >> 1]!;
    const before = this.#items.size;
    const target = before >> 1;
    for (const [key, item] of this.#items) if (item.bytes < median) this.#items.delete(key);
    for (const [key, item] of this.#items) {
      if (this.#items.size <= target) break;
      if (item.bytes === median) this.#items.delete(key);
    }
    this.forgotten += before - this.#items.size;
  }
}
