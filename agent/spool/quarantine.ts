/**
 * Batches that can never be delivered (damaged, or refused for good): in a folder of their own until an operator looks at them,
 * each with its reason beside it, oldest deleted first when they take more room than they may.
 */
import { type Disk, isFileSystemError, unlinkIfThere } from './disk.ts';
import { diskBytes } from './disk-use.ts';
import { parseSpoolName } from './spool-name.ts';

const REASON_SUFFIX = '.reason.txt';

export class Quarantine {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #bytesMax: number;
  /** Oldest first. */
  readonly #files = new Map<string, number>();
  #bytes = 0;
  /** Files deleted to make room. */
  deleted = 0;

  constructor(disk: Disk, folder: string, bytesMax: number) {
    this.#disk = disk;
    this.#folder = folder;
    this.#bytesMax = bytesMax;
  }

  /** Takes up what earlier runs left: the bound makes that a few thousand files. @throws what the file system throws; it can be called again then */
  read(): void {
    this.#files.clear();
    this.#bytes = 0;
    this.#disk.makeFolder(this.#folder);
    const names = this.#disk.list(this.#folder).filter((name) => parseSpoolName(name) !== undefined);
    for (const name of names.sort()) this.#admit(name, this.#disk.size(`${this.#folder}/${name}`));
    this.#trim();
  }

  get files(): number {
    return this.#files.size;
  }

  /** The highest sequence number in here, or -1: no later file may have the same name. */
  get sequenceMax(): number {
    return Math.max(-1, ...Array.from(this.#files.keys(), (name) => parseSpoolName(name)!.sequence));
  }

  /**
   * Moves a file in. Not synced: after a power cut the file may be back where it was, and is moved once more.
   *
   * @throws what the file system throws; the file is then where it was.
   */
  take(path: string, name: string, bytes: number, reason: string): void {
    this.#disk.rename(path, `${this.#folder}/${name}`);
    this.#admit(name, bytes);
    try {
      const reasonPath = `${this.#folder}/${name}${REASON_SUFFIX}`;
      unlinkIfThere(this.#disk, reasonPath);
      this.#disk.create(reasonPath, [Buffer.from(`${reason}\n`)]);
    } catch (error) {
      // The reason is a courtesy (it was logged, too): a full disk must not keep the batch in the way of the others.
      if (!isFileSystemError(error)) throw error;
    }
    this.#trim();
  }

  #admit(name: string, bytes: number): void {
    this.#bytes -= this.#files.get(name) ?? 0;
    // One block more, for the reason.
    this.#files.set(name, diskBytes(bytes) + diskBytes(1));
    this.#bytes += diskBytes(bytes) + diskBytes(1);
  }

  #trim(): void {
    for (const [name, bytes] of this.#files) {
      if (this.#bytes <= this.#bytesMax) return;
      try {
        unlinkIfThere(this.#disk, `${this.#folder}/${name}${REASON_SUFFIX}`);
        unlinkIfThere(this.#disk, `${this.#folder}/${name}`);
      } catch (error) {
        if (!isFileSystemError(error)) throw error;
        return;
      }
      this.#files.delete(name);
      this.#bytes -= bytes;
      this.deleted++;
    }
  }
}
