/**
 * What is known of each subject, by key, in limited memory. While there is room all is exact. When it is full the weakest quarter is
 * forgotten, and from then on a new subject comes in at its second record (doorkeeper.ts): what comes once never drives out what
 * comes again. Subjects that came in since are marked: something of them may be missing.
 */
import { Doorkeeper } from './doorkeeper.ts';

export interface SubjectLimits {
  readonly subjectsMax: number;
  /** Ports, hosts, connections of all subjects. */
  readonly valuesMax: number;
}

export interface Known {
  isCoarse: boolean;
  /** How many it holds. */
  values: number;
}

const KEPT_SHARE = 0.75;

export class Subjects<Entry extends Known> {
  readonly #entries = new Map<string, Entry>();
  readonly #limits: SubjectLimits;
  readonly #weight: (entry: Entry) => number;
  #doorkeeper: Doorkeeper | undefined;
  #isCoarse = false;
  #values = 0;
  #evicted = 0;

  /** @param weight what is lightest is forgotten first */
  constructor(limits: SubjectLimits, weight: (entry: Entry) => number) {
    this.#limits = limits;
    this.#weight = weight;
  }

  get size(): number {
    return this.#entries.size;
  }

  get values(): number {
    return this.#values;
  }

  get evicted(): number {
    return this.#evicted;
  }

  entries(): IterableIterator<[string, Entry]> {
    return this.#entries.entries();
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Undefined where it stays out. */
  admit(key: string, create: () => Entry): Entry | undefined {
    if (this.#isCoarse && !this.#door().knows(key)) {
      this.#evicted++;
      return undefined;
    }
    if (this.#entries.size >= this.#limits.subjectsMax) this.#evict();
    const entry = create();
    entry.isCoarse = this.#isCoarse;
    this.#entries.set(key, entry);
    return entry;
  }

  /** It holds so many values more. */
  grow(entry: Entry, values: number): void {
    entry.values += values;
    this.#values += values;
    if (this.#values > this.#limits.valuesMax) this.#evict();
  }

  /** Forgets those that are over. */
  expire(isOver: (entry: Entry) => boolean): void {
    for (const [key, entry] of this.#entries) if (isOver(entry)) this.remove(key, entry);
  }

  /** Where there is room again, what comes from now on is exact. */
  settle(): void {
    const { subjectsMax, valuesMax } = this.#limits;
    if (!this.#isCoarse || this.#entries.size > subjectsMax / 2 || this.#values > valuesMax / 2) return;
    this.#isCoarse = false;
    this.#doorkeeper?.clear();
  }

  clear(): void {
    this.#entries.clear();
    this.#doorkeeper?.clear();
    this.#isCoarse = false;
    this.#values = 0;
  }

  /** The lightest quarter of what is left, until there is room. */
  #evict(): void {
    this.#isCoarse = true;
    while (!this.#isRoomy()) {
      const weights = Float64Array.from(this.#entries.values(), this.#weight).sort();
      const limit = weights[Math.ceil(weights.length / 4) - 1]!;
      for (const [key, entry] of this.#entries) {
        if (this.#weight(entry) > limit) continue;
        this.remove(key, entry);
        this.#evicted++;
        if (this.#isRoomy()) return;
      }
    }
  }

  #isRoomy(): boolean {
    const { subjectsMax, valuesMax } = this.#limits;
    return this.#entries.size <= subjectsMax * KEPT_SHARE && this.#values <= valuesMax * KEPT_SHARE;
  }

  remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#values -= entry.values;
  }

  #door(): Doorkeeper {
    this.#doorkeeper ??= new Doorkeeper();
    return this.#doorkeeper;
  }
}
