/**
 * The way into the spool: makes batches durable, in the recorder's thread, for every sink that is to have them.
 *
 *     stage    FOLDER/sinks/FIRST/NAME.tmp    created, its content on the disk
 *     commit   FOLDER/sinks/OTHER/NAME        linked for every other sink, then one sync of each of their folders
 *              FOLDER/sinks/FIRST/NAME        renamed, then one sync of the folder
 *
 * The rename in the folder of the first sink is the commit: as long as the temporary name is there, no exporter knows of the batch,
 * and a restart removes what was linked already. Once it is gone, every link is on the disk. With one sink nothing is linked.
 *
 * Limits: one staged window on the disk beside the spool; no memory beyond the caller's bytes. After a failure nothing of
 * the window remains; what a dying disk does not let us delete now is deleted at the next start.
 */
import { OperationalError } from '../model/operational-error.ts';
import { FlowBatchReader, labelBytes } from '../wire/flow-batch-reader.ts';
import { type Disk, isFileSystemError, unlinkIfThere } from './disk.ts';
import { SPOOL_HEADER_BYTES, spoolFile } from './spool-file.ts';
import { sinkFolder } from './spool-layout.ts';
import { formatSpoolName, TEMPORARY_SUFFIX } from './spool-name.ts';

/** A file that is pending for a sink. */
export interface SpoolEntry {
  readonly name: string;
  /** Of the file. */
  readonly bytes: number;
  /** In its records; undefined where that was not read. */
  readonly packets?: number;
}

/** A batch that was committed, and the sinks that owe it. */
export interface WrittenBatch extends SpoolEntry {
  readonly sinks: readonly string[];
}

export interface SpoolWriterOptions {
  readonly disk: Disk;
  /** The spool's. */
  readonly folder: string;
  /** Those that get what is written, at least one. */
  readonly sinks: readonly string[];
  /** The next sequence number: `Spool.nextSequence` when the spool was opened. */
  readonly nextSequence: number;
  /** Unix milliseconds. */
  readonly now: () => number;
}

export class SpoolWriter {
  readonly #options: SpoolWriterOptions;
  #nextSequence: number;
  #staged: WrittenBatch[] = [];
  /** Files that could not be deleted when they should have been, in the order in which they have to go. */
  readonly #leftovers = new Set<string>();

  constructor(options: SpoolWriterOptions) {
    this.#options = options;
    this.#nextSequence = options.nextSequence;
  }

  /**
   * Writes one batch to the disk, not yet visible.
   *
   * @param named those of the sinks that are to have it; all where none is named, or none that there is
   * @throws OperationalError `spool.unusable`; everything staged is gone then
   */
  stage(batch: Uint8Array, named: readonly string[] = []): void {
    const { disk, now } = this.#options;
    const sinks = this.#among(named);
    this.#deleteLeftovers();
    const spooledSeconds = Math.floor(now() / 1000);
    const name = formatSpoolName({ sequence: this.#nextSequence, piece: '', spooledSeconds });
    this.#nextSequence++;
    const entry = { name, bytes: SPOOL_HEADER_BYTES + batch.length, packets: packetsOf(batch), sinks };
    this.#staged.push(entry);
    this.#attempt(() => disk.create(this.#temporary(entry), spoolFile(batch)));
  }

  #among(named: readonly string[]): readonly string[] {
    const { sinks } = this.#options;
    const found = sinks.filter((sink) => named.includes(sink));
    return found.length > 0 ? found : sinks;
  }

  /** Makes everything staged a durable part of the spool. @throws OperationalError `spool.unusable`; nothing of it is then. */
  commit(): readonly WrittenBatch[] {
    const staged = this.#staged;
    this.#attempt(() => {
      this.#linkOthers(staged);
      this.#renameFirst(staged);
    });
    this.#staged = [];
    return staged;
  }

  /** Forgets everything staged. */
  abandon(): void {
    for (const batch of this.#staged) {
      const [first, ...others] = batch.sinks;
      for (const sink of others) this.#leftovers.add(this.#path(sink!, batch.name));
      this.#leftovers.add(this.#path(first!, batch.name));
      this.#leftovers.add(this.#temporary(batch));
    }
    this.#staged = [];
    this.#deleteLeftovers();
  }

  #linkOthers(staged: readonly WrittenBatch[]): void {
    const { disk, folder } = this.#options;
    const linked = new Set<string>();
    for (const batch of staged) {
      for (const sink of batch.sinks.slice(1)) {
        disk.link(this.#temporary(batch), this.#path(sink, batch.name));
        linked.add(sink);
      }
    }
    for (const sink of linked) disk.syncFolder(sinkFolder(folder, sink));
  }

  #renameFirst(staged: readonly WrittenBatch[]): void {
    const { disk, folder } = this.#options;
    for (const batch of staged) disk.rename(this.#temporary(batch), this.#path(batch.sinks[0]!, batch.name));
    for (const sink of new Set(staged.map(({ sinks }) => sinks[0]!))) disk.syncFolder(sinkFolder(folder, sink));
  }

  #path(sink: string, name: string): string {
    return `${sinkFolder(this.#options.folder, sink)}/${name}`;
  }

  #temporary({ name, sinks }: WrittenBatch): string {
    return this.#path(sinks[0]!, name) + TEMPORARY_SUFFIX;
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
  ENOSPC: 'free space on its disk, or lower spool.bytesMax',
  EDQUOT: 'raise the disk quota, or lower spool.bytesMax',
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
