import { OTHER_KEY_BYTES_MAX, OTHER_KEYS_MAX } from '../model/fields.ts';

/**
 * The keys of each topic that have no column, so that SQL can name them. Senders choose how many keys there are and how long, so both are
 * limited: what is beyond is stored and found all the same, counted, and has no name in SQL.
 */
export class OtherKeys {
  readonly #keys = new Map<string, Set<string>>();
  readonly #beyond = new Map<string, number>();
  #fresh: (readonly [topic: string, key: string])[] = [];

  /** @param stored what was noted before */
  constructor(stored: Iterable<readonly [topic: string, key: string]>) {
    for (const [topic, key] of stored) this.note(topic, key);
    this.#fresh = [];
    this.#beyond.clear();
  }

  /** Each time that a log has it. */
  note(topic: string, key: string): void {
    const keys = this.#keysOf(topic);
    if (keys.has(key)) return;
    if (keys.size >= OTHER_KEYS_MAX || isTooLong(key)) {
      this.#beyond.set(topic, this.beyond(topic) + 1);
      return;
    }
    keys.add(key);
    this.#fresh.push([topic, key]);
  }

  of(topic: string): ReadonlySet<string> {
    return this.#keysOf(topic);
  }

  /** Values under keys beyond the limits, since the start. */
  beyond(topic: string): number {
    return this.#beyond.get(topic) ?? 0;
  }

  /** Those that are not stored yet. */
  get fresh(): readonly (readonly [topic: string, key: string])[] {
    return this.#fresh;
  }

  stored(): void {
    this.#fresh = [];
  }

  /** Of logs that were not stored. */
  forgetFresh(): void {
    for (const [topic, key] of this.#fresh) this.#keys.get(topic)?.delete(key);
    this.#fresh = [];
  }

  #keysOf(topic: string): Set<string> {
    const known = this.#keys.get(topic);
    if (known !== undefined) return known;
    const keys = new Set<string>();
    this.#keys.set(topic, keys);
    return keys;
  }
}

/** Most keys are short, and need no count of their bytes. */
function isTooLong(key: string): boolean {
  return (
    key.length > OTHER_KEY_BYTES_MAX ||
    (3 * key.length > OTHER_KEY_BYTES_MAX && Buffer.byteLength(key) > OTHER_KEY_BYTES_MAX)
  );
}
