/** Sums by a key, of which the largest are wanted. */

export interface Sums {
  packets: number;
  bytes: number;
}

export interface Ranked<Item extends Sums> {
  readonly key: string;
  readonly sums: Item;
}

/** Keys that are told apart at once; the smaller half of them is forgotten when there are more. */
export const KEYS_MAX = 65_536;

export class Ranking<Item extends Sums> {
  readonly #create: () => Item;
  readonly #keysMax: number;
  readonly #items = new Map<string, Item>();
  /** Keys that were forgotten, and may have come back since. */
  forgotten = 0;

  constructor(create: () => Item, keysMax = KEYS_MAX) {
    this.#create = create;
    this.#keysMax = keysMax;
  }

  /** The sums of a key, to be added to. */
  of(key: string): Item {
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
    return this.#byBytes()
      .slice(0, limit)
      .map(([key, sums]) => ({ key, sums }));
  }

  #byBytes(): [string, Item][] {
    return [...this.#items].sort(([leftKey, left], [rightKey, right]) => {
      return right.bytes - left.bytes || right.packets - left.packets || (leftKey < rightKey ? -1 : 1);
    });
  }

  #forgetSmaller(): void {
    const smaller = this.#byBytes().slice(Math.floor(this.#keysMax / 2));
    for (const [key] of smaller) this.#items.delete(key);
    this.forgotten += smaller.length;
  }
}
