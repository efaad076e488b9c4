/**
 * Batches that can never be delivered (damaged, or refused for good): in a folder of their own until an operator looks at them,
 * each with its reason beside it, oldest deleted first when they take more room than they may.
 */
import { type Disk, isFileSystemError, unlinkIfThere } from './disk.ts';
import { diskBytes } from './disk-use.ts';
import { parseSpoolName } from './spool-name.ts';

export const REASON_SUFFIX = '.reason.txt';
/** Of a batch that is on its way out again (`SinkQueue.restore`). */
const LEAVING_SUFFIX = '.leaving';

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

  /** Takes up what earlier runs left: the limit makes that a few thousand files. @throws what the file system throws; it can be called again then */
  read(): void {
    this.#files.clear();
    this.#bytes = 0;
    this.#disk.makeFolder(this.#folder);
    const names = this.#disk.list(this.#folder);
    for (const name of names.filter((each) => each.endsWith(LEAVING_SUFFIX)))
      unlinkIfThere(this.#disk, this.#path(name));
    const batches = names.filter((name) => parseSpoolName(name) !== undefined);
    for (const name of batches.sort()) this.#admit(name, this.#disk.size(this.#path(name)));
    this.#trim();
  }

  /** Oldest first. */
  names(): readonly string[] {
    return [...this.#files.keys()];
  }

  /** The file of a batch. @throws what the file system throws */
  content(name: string): Uint8Array {
    return this.#disk.readNow(this.#path(name));
  }

  /** Puts other content at a path, on the disk at return, and the batch is here no more. @throws what the file system throws */
  leave(name: string, content: readonly Uint8Array[], to: string): void {
    const leaving = this.#path(name) + LEAVING_SUFFIX;
    unlinkIfThere(this.#disk, leaving);
    this.#disk.create(leaving, content);
    this.#disk.rename(leaving, to);
    this.#disk.syncFolder(to.slice(0, to.lastIndexOf('/')));
    this.#delete(name);
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
    this.#disk.rename(path, this.#path(name));
    this.#admit(name, bytes);
    try {
      const reasonPath = this.#path(name) + REASON_SUFFIX;
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
    for (const name of this.#files.keys()) {
      if (this.#bytes <= this.#bytesMax) return;
      try {
        this.#delete(name);
      } catch (error) {
        if (!isFileSystemError(error)) throw error;
        return;
      }
      this.deleted++;
    }
  }

  #delete(name: string): void {
    unlinkIfThere(this.#disk, this.#path(name) + REASON_SUFFIX);
    unlinkIfThere(this.#disk, this.#path(name));
    this.#bytes -= this.#files.get(name) ?? 0;
    this.#files.delete(name);
  }

  #path(name: string): string {
    return `${this.#folder}/${name}`;
  }
}
