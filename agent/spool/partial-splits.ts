/**
 * Batches that are cut in pieces, each of which takes the batch's place in the order. The pieces are durable before the whole
 * goes; in between, a restart prefers the whole. A cut that fails leaves pieces on the disk beside the whole: they go before
 * anything else is done to it, because a piece that outlives its whole would be taken for a batch at the next start.
 */
import { isFileSystemError, unlinkIfThere } from './disk.ts';
import { SPOOL_HEADER_BYTES, spoolFile } from './spool-file.ts';
import type { SpoolFolder } from './spool-folder.ts';
import { pieceNames, TEMPORARY_SUFFIX } from './spool-name.ts';
import type { SpoolEntry } from './spool-writer.ts';

export class PartialSplits {
  readonly #folder: SpoolFolder;
  /** Batches whose cutting failed, with the pieces that may still lie on the disk. */
  readonly #pieces = new Map<string, readonly string[]>();

  constructor(folder: SpoolFolder) {
    this.#folder = folder;
  }

  /**
   * Puts the pieces in the place of the whole, whose removal is not surely on the disk then.
   *
   * @throws OperationalError `spool.unusable`; the whole is there then
   */
  split(name: string, parts: readonly Uint8Array[]): readonly SpoolEntry[] {
    const pieces = pieceNames(name, parts.length);
    this.#folder.demand(() => this.clear(name));
    this.#pieces.set(name, pieces);
    try {
      this.#place(name, pieces, parts);
    } catch (error) {
      // What cannot be cleared now stands in the way of everything that is done to this batch until it can.
      if (isFileSystemError(error)) this.#folder.attempt(() => this.clear(name));
      throw this.#folder.unusable(error);
    }
    this.#pieces.delete(name);
    return pieces.map((piece, index) => ({ name: piece, bytes: SPOOL_HEADER_BYTES + parts[index]!.length }));
  }

  /** Removes what a cut that failed has left, power cuts included. @throws what the file system throws */
  clear(name: string): void {
    const pieces = this.#pieces.get(name);
    if (pieces === undefined) return;
    const { disk } = this.#folder;
    for (const piece of pieces) {
      unlinkIfThere(disk, this.#folder.file(piece) + TEMPORARY_SUFFIX);
      unlinkIfThere(disk, this.#folder.file(piece));
    }
    this.#folder.sync();
    this.#pieces.delete(name);
  }

  #place(name: string, pieces: readonly string[], parts: readonly Uint8Array[]): void {
    const { disk } = this.#folder;
    const path = (piece: string) => this.#folder.file(piece);
    for (const [index, piece] of pieces.entries()) {
      disk.create(path(piece) + TEMPORARY_SUFFIX, spoolFile(parts[index]!));
    }
    for (const piece of pieces) disk.rename(path(piece) + TEMPORARY_SUFFIX, path(piece));
    this.#folder.sync();
    disk.unlink(path(name));
  }
}
