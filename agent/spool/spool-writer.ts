/**
 * The way into the spool: makes batches durable, in the recorder's thread. A window's batches are staged one by one under
 * temporary names, each with its content on the disk, and committed together: renamed, then one sync of the folder for all.
 *
 * Bounds: one staged window on the disk beside the spool; no memory beyond the caller's bytes. After a failure nothing of
 * the window remains; what a dying disk does not let us delete now is deleted at the next start.
 */
import { OperationalError } from '../model/operational-error.ts';
import { FlowBatchReader, labelBytes } from '../wire/flow-batch-reader.ts';
import { type Disk, isFileSystemError, unlinkIfThere } from './disk.ts';
import { SPOOL_HEADER_BYTES, spoolFile } from './spool-file.ts';
import { formatSpoolName, TEMPORARY_SUFFIX } from './spool-name.ts';

/** A file of the spool. */
export interface SpoolEntry {
  readonly name: string;
  /** Of the file. */
  readonly bytes: number;
  /** In its records; undefined where nobody looked. */
  readonly packets?: number;
}

export interface SpoolWriterOptions {
  readonly disk: Disk;
  readonly folder: string;
  /** The next sequence number: `Spool.nextSequence` when the spool was opened. */
  readonly nextSequence: number;
  /** Unix milliseconds. */
  readonly now: () => number;
}

export class SpoolWriter {
  readonly #options: SpoolWriterOptions;
  #nextSequence: number;
  #staged: SpoolEntry[] = [];
  /** Temporary files that could not be deleted when they should have been. */
  readonly #leftovers = new Set<string>();

  constructor(options: SpoolWriterOptions) {
    this.#options = options;
    this.#nextSequence = options.nextSequence;
  }

  /** Writes one batch to the disk, not yet visible. @throws OperationalError `spool.unusable`; everything staged is gone then. */
  stage(batch: Uint8Array): void {
    const { disk, now } = this.#options;
    this.#deleteLeftovers();
    const spooledSeconds = Math.floor(now() / 1000);
    const name = formatSpoolName({ sequence: this.#nextSequence, piece: '', spooledSeconds });
    this.#nextSequence++;
    this.#staged.push({ name, bytes: SPOOL_HEADER_BYTES + batch.length, packets: packetsOf(batch) });
    this.#attempt(() => disk.create(this.#temporary(name), spoolFile(batch)));
  }

  /** Makes everything staged a durable part of the spool. @throws OperationalError `spool.unusable`; nothing of it is then. */
  commit(): readonly SpoolEntry[] {
    const { disk, folder } = this.#options;
    const staged = this.#staged;
    this.#attempt(() => {
      for (const { name } of staged) disk.rename(this.#temporary(name), this.#path(name));
      disk.syncFolder(folder);
    });
    this.#staged = [];
    return staged;
  }

  /** Forgets everything staged. */
  abandon(): void {
    for (const { name } of this.#staged) {
      this.#leftovers.add(this.#temporary(name));
      this.#leftovers.add(this.#path(name));
    }
    this.#staged = [];
    this.#deleteLeftovers();
  }

  #path(name: string): string {
    return `${this.#options.folder}/${name}`;
  }

  #temporary(name: string): string {
    return this.#path(name) + TEMPORARY_SUFFIX;
  }

  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!isFileSystemError(error)) throw error;
      this.abandon();
      throw asUnusable(this.#options.folder, error);
    }
  }

  /** Tried again before each batch, so that a disk that came back is clean before it is used. */
  #deleteLeftovers(): void {
    for (const path of this.#leftovers) {
      try {
        unlinkIfThere(this.#options.disk, path);
        this.#leftovers.delete(path);
      } catch (error) {
        if (!isFileSystemError(error)) throw error;
      }
    }
  }
}

/** As its label says. */
function packetsOf(batch: Uint8Array): number {
  return new FlowBatchReader(batch.subarray(0, labelBytes(batch))).totals?.packets ?? 0;
}

/** What to do about the errors that people meet. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'free space on its disk, or lower the spool’s bound',
  EDQUOT: 'raise the disk quota, or lower the spool’s bound',
  EROFS: 'its file system is mounted read-only: mount it writable',
  EACCES: 'give flowlogd’s user the right to write there',
  EPERM: 'give flowlogd’s user the right to write there',
  EMFILE: 'raise the limit of open files (ulimit -n, LimitNOFILE)',
  ENFILE: 'the system is out of open files: raise fs.file-max',
  EIO: 'its disk reports errors: check the kernel’s log',
  ENOENT: 'the folder is gone: make it again',
};

/** What the file system throws as `spool.unusable`; anything else as it is. */
export function asUnusable(folder: string, error: unknown): unknown {
  if (!isFileSystemError(error)) return error;
  const advice = ADVICE[error.code] ?? 'make the folder usable';
  return new OperationalError(
    'spool.unusable',
    `Working in the spool ${folder} failed: ${error.message}; ${advice}.`,
    error,
  );
}
