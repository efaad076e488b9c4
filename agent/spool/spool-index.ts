/**
 * Which batches are pending for one sink: their names with their bytes on the disk, oldest first. In memory one entry for each
 * name. The sizes of files that an earlier run left are learnt one after the other, later than their names.
 */
import { type BatchHolder, type DiskUse, diskBytes } from './disk-use.ts';
import { parseSpoolName } from './spool-name.ts';
import type { SpoolEntry } from './spool-writer.ts';

const UNMEASURED = -1;

export class SpoolIndex implements BatchHolder {
  readonly #use: DiskUse;
  #files = new Map<string, number>();
  /** In the records of those batches of which that is known: the ones that this run wrote. */
  readonly #packets = new Map<string, number>();
  /** Of a newer flowlogd: pending for that version alone. */
  readonly #held = new Set<string>();
  #newest = '';
  #bytes = 0;
  /** Names that were loaded, of which those before `#measuredTo` were looked at. */
  #loaded: readonly string[] = [];
  #measuredTo = 0;

  /** @param use what the batches of all sinks take */
  constructor(use: DiskUse) {
    this.#use = use;
    use.add(this);
  }

  get size(): number {
    return this.#files.size;
  }

  /** Of all batches whose sizes are known, in blocks; other sinks may owe the same ones. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The highest sequence number that was ever in here, or -1. */
  get sequenceMax(): number {
    return this.#newest === '' ? -1 : parseSpoolName(this.#newest)!.sequence;
  }

  get oldest(): string | undefined {
    const [oldest] = this.#files.keys();
    return oldest;
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  /** Undefined for what is not in here, or of unknown size. */
  bytesOf(name: string): number | undefined {
    const bytes = this.#files.get(name);
    return bytes === UNMEASURED ? undefined : bytes;
  }

  /** Files whose sizes are still to be learnt, at most. */
  get unmeasured(): number {
    return this.#loaded.length - this.#measuredTo;
  }

  names(): Iterable<string> {
    return this.#files.keys();
  }

  /** Keeps one that this version cannot deliver. */
  hold(name: string): void {
    if (this.#files.has(name)) this.#held.add(name);
  }

  isHeld(name: string): boolean {
    return this.#held.has(name);
  }

  get held(): number {
    return this.#held.size;
  }

  /** Begins with the names of an earlier run, oldest first; their sizes are unknown. */
  load(names: readonly string[]): void {
    for (const name of names) this.#add(name);
    this.#newest = names.at(-1) ?? '';
    this.#loaded = names;
  }

  /** The next files whose sizes are still to be learnt, oldest first, at most so many. */
  nextUnmeasured(limit: number): readonly string[] {
    const names = this.#loaded.slice(this.#measuredTo, this.#measuredTo + limit);
    this.#measuredTo += names.length;
    if (this.unmeasured === 0) {
      this.#loaded = [];
      this.#measuredTo = 0;
    }
    return names.filter((name) => this.#files.get(name) === UNMEASURED);
  }

  /** Nothing for a name that is not in here. */
  measure(name: string, bytes: number): void {
    if (this.#files.get(name) !== UNMEASURED) return;
    this.#admit(name, diskBytes(bytes));
  }

  insert(entries: readonly SpoolEntry[]): void {
    for (const { name, bytes, packets } of entries) {
      this.forget(name);
      this.#admit(name, diskBytes(bytes));
      if (packets !== undefined) this.#packets.set(name, packets);
    }
    this.#restoreOrder(entries);
  }

  /** Undefined where it is not known. */
  packetsOf(name: string): number | undefined {
    return this.#packets.get(name);
  }

  /** False for one that is not in here. */
  forget(name: string): boolean {
    const bytes = this.#files.get(name);
    if (bytes === undefined) return false;
    this.#files.delete(name);
    this.#packets.delete(name);
    this.#held.delete(name);
    if (bytes !== UNMEASURED) this.#bytes -= bytes;
    this.#use.forgotten(name, bytes === UNMEASURED ? undefined : bytes, this);
    return true;
  }

  #add(name: string): void {
    if (this.#files.has(name)) return;
    this.#use.added(name, this);
    this.#files.set(name, UNMEASURED);
  }

  #admit(name: string, bytes: number): void {
    this.#add(name);
    this.#files.set(name, bytes);
    this.#bytes += bytes;
    this.#use.measured(name, bytes, this);
  }

  /** A map keeps the order of insertion; only pieces (and two writers at once) come before what is there. */
  #restoreOrder(inserted: readonly SpoolEntry[]): void {
    const inOrder = inserted.every(
      ({ name }, index) => name > (index === 0 ? this.#newest : inserted[index - 1]!.name),
    );
    const last = inserted.at(-1)?.name ?? '';
    if (last > this.#newest) this.#newest = last;
    if (inOrder) return;
    this.#files = new Map([...this.#files].sort(([left], [right]) => (left < right ? -1 : 1)));
  }
}
