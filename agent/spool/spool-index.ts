/** Which batches are pending: their names with their bytes on the disk, oldest first. In memory one entry for each file. */
import { diskBytes } from './spool-bounds.ts';
import { parseSpoolName } from './spool-name.ts';
import type { SpoolEntry } from './spool-writer.ts';

export class SpoolIndex {
  #files = new Map<string, number>();
  #newest = '';
  #bytes = 0;

  get size(): number {
    return this.#files.size;
  }

  /** Of all files, in blocks. */
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

  bytesOf(name: string): number | undefined {
    return this.#files.get(name);
  }

  names(): Iterable<string> {
    return this.#files.keys();
  }

  /** Names with their bytes, oldest first. */
  entries(): Iterable<readonly [name: string, bytes: number]> {
    return this.#files;
  }

  insert(entries: readonly SpoolEntry[]): void {
    for (const { name, bytes } of entries) {
      this.#files.set(name, diskBytes(bytes));
      this.#bytes += diskBytes(bytes);
    }
    this.#restoreOrder(entries);
  }

  /** False for one that is not in here. */
  forget(name: string): boolean {
    const bytes = this.#files.get(name);
    if (bytes === undefined) return false;
    this.#files.delete(name);
    this.#bytes -= bytes;
    return true;
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
