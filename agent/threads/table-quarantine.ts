/** The folder of files of open windows that are damaged. Limit: its bytes, over which the files of the oldest windows go. */
import { basename } from 'node:path';
import { parseLayout3Table } from '../meter/layout-3.ts';
import { parseWindowFileName } from '../meter/window-file.ts';
import { type Disk, isFileSystemError, unlinkIfThere } from '../spool/disk.ts';

const BYTES_MAX = 256 * 1024 ** 2;

export class TableQuarantine {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #bytesMax: number;
  readonly #onDeleted: () => void;

  constructor(disk: Disk, folder: string, onDeleted: () => void, bytesMax = BYTES_MAX) {
    this.#disk = disk;
    this.#folder = folder;
    this.#bytesMax = bytesMax;
    this.#onDeleted = onDeleted;
  }

  /** Moves a file in, also from another file system. @throws what the file system throws; the file is where it was then */
  take(path: string): void {
    const to = `${this.#folder}/${basename(path)}`;
    this.#disk.makeFolder(this.#folder);
    try {
      this.#disk.rename(path, to);
    } catch (error) {
      if (!isFileSystemError(error) || error.code !== 'EXDEV') throw error;
      this.#disk.create(to, [this.#disk.readNow(path)]);
      this.#disk.unlink(path);
    }
    this.#trim();
  }

  #trim(): void {
    const files = this.#disk.list(this.#folder).map((name) => {
      const path = `${this.#folder}/${name}`;
      const start = (parseWindowFileName(name) ?? parseLayout3Table(name))?.windowStart ?? 0;
      return { path, start, bytes: this.#disk.size(path) };
    });
    let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    for (const file of files.sort((left, right) => left.start - right.start)) {
      if (bytes <= this.#bytesMax) return;
      unlinkIfThere(this.#disk, file.path);
      bytes -= file.bytes;
      this.#onDeleted();
    }
  }
}
