/** Pending batches that another program deletes: they have vanished, with the packets of those of which that is known. */
import { isFileSystemError, isThere } from './disk.ts';
import type { SpoolFolder } from './spool-folder.ts';
import type { SpoolIndex } from './spool-index.ts';
import { parseSpoolName } from './spool-name.ts';

export interface VanishedTotals {
  /** Files, the packets of their records, and those files of which that is unknown. */
  vanished: number;
  vanishedPackets: number;
  vanishedUnaccounted: number;
}

export class DeletedBatches {
  readonly #folder: SpoolFolder;
  readonly #index: SpoolIndex;
  readonly #totals: VanishedTotals;
  readonly #isInFlight: (name: string) => boolean;

  /** @param totals grows with what vanishes */
  constructor(folder: SpoolFolder, index: SpoolIndex, totals: VanishedTotals, isInFlight: (name: string) => boolean) {
    this.#folder = folder;
    this.#index = index;
    this.#totals = totals;
    this.#isInFlight = isInFlight;
  }

  /** Looks at one file of hundreds of thousands: the oldest that is not in flight; where it is gone, at all. */
  notice(): void {
    for (const name of this.#index.names()) {
      if (this.#isInFlight(name)) continue;
      if (this.#isGone(name)) this.#folder.attempt(() => this.#loseMissing());
      return;
    }
  }

  /** What is not there has vanished, and what is there and was not is pending. @throws what the file system throws */
  reconcile(): void {
    const { disk } = this.#folder;
    const found = [...this.#loseMissing()].sort().map((name) => ({ name, bytes: disk.size(this.#folder.file(name)) }));
    if (found.length > 0) this.#index.insert(found);
  }

  lose(name: string): void {
    const packets = this.#index.packetsOf(name);
    if (!this.#index.forget(name)) return;
    this.#totals.vanished++;
    if (packets === undefined) this.#totals.vanishedUnaccounted++;
    else this.#totals.vanishedPackets += packets;
  }

  #isGone(name: string): boolean {
    try {
      return !isThere(this.#folder.disk, this.#folder.file(name));
    } catch (error) {
      if (!isFileSystemError(error)) throw error;
      return false;
    }
  }

  /** Answers what is there and not pending. */
  #loseMissing(): Set<string> {
    const there = new Set<string>();
    for (const name of this.#folder.disk.names(this.#folder.path)) {
      if (parseSpoolName(name) !== undefined) there.add(name);
    }
    for (const name of [...this.#index.names()]) {
      // What is in flight may still arrive.
      if (!there.has(name) && !this.#isInFlight(name)) this.lose(name);
      there.delete(name);
    }
    return there;
  }
}
