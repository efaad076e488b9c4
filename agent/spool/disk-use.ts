/**
 * What pending batches take of the disk: each file once, however many sinks owe it. A whole batch has the same name in the folder
 * of each of them; pieces are a sink's own, also where two sinks have pieces of the same name.
 */
import { isPiece } from './spool-name.ts';

const BLOCK_BYTES = 4096;

/** What a file takes of the disk: whole blocks, so that many small files are bounded, too. */
export function diskBytes(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** The index of one sink. */
export interface BatchHolder {
  has(name: string): boolean;
  /** Undefined for what is not in it, or of unknown size. */
  bytesOf(name: string): number | undefined;
}

export class DiskUse {
  readonly #holders = new Set<BatchHolder>();
  #bytes = 0;
  #files = 0;

  /** Each once, those of unknown size included. */
  get files(): number {
    return this.#files;
  }

  /** Of all files whose sizes are known. */
  get bytes(): number {
    return this.#bytes;
  }

  add(holder: BatchHolder): void {
    this.#holders.add(holder);
  }

  /** Its sink was removed, with all that it owed. */
  drop(holder: BatchHolder): void {
    this.#holders.delete(holder);
  }

  /** Whether a sink beside this one owes the batch. */
  isOwedElsewhere(name: string, self: BatchHolder): boolean {
    return !isPiece(name) && this.#some(self, (other) => other.has(name));
  }

  /** This holder has a batch more. */
  added(name: string, self: BatchHolder): void {
    if (!this.isOwedElsewhere(name, self)) this.#files++;
  }

  /** The size of a batch of this holder is known from now on. */
  measured(name: string, bytes: number, self: BatchHolder): void {
    if (!this.#isMeasuredElsewhere(name, self)) this.#bytes += bytes;
  }

  /** This holder has no batch of that name any more; `bytes` where it knew its size. */
  forgotten(name: string, bytes: number | undefined, self: BatchHolder): void {
    if (!this.isOwedElsewhere(name, self)) this.#files--;
    if (bytes !== undefined && !this.#isMeasuredElsewhere(name, self)) this.#bytes -= bytes;
  }

  #isMeasuredElsewhere(name: string, self: BatchHolder): boolean {
    return !isPiece(name) && this.#some(self, (other) => other.bytesOf(name) !== undefined);
  }

  #some(self: BatchHolder, is: (other: BatchHolder) => boolean): boolean {
    for (const holder of this.#holders) if (holder !== self && is(holder)) return true;
    return false;
  }
}
