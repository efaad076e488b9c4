import { OperationalError } from '../../model/operational-error.ts';
import type { ProbeOutcome, SendOutcome, Sink, SinkLimits } from '../../model/sink.ts';
import type { TakeLock } from '../../model/sink-plan.ts';
import type { Timers } from '../timers.ts';
import { LOCK } from './file-names.ts';
import { FileStore, type FileStoreOptions } from './file-store.ts';
import { type Folder, OutputFolder, probeFolder } from './output-folder.ts';
import { refusalOf } from './refusal.ts';

export interface FileSinkOptions extends FileStoreOptions {
  readonly folder: string;
  readonly timers: Timers;
  /** Undefined where nothing can be locked. */
  readonly lock: TakeLock | undefined;
  /** For a test that fails at one of its operations. */
  readonly openFolder?: (path: string) => Promise<Folder>;
}

interface Waiting {
  readonly batch: Uint8Array;
  answer(outcome: SendOutcome): void;
}

/** Batches under way at once: those that arrive together share the waits for the disk. */
export const BATCHES_MAX = 8;
const RECORDS_MAX = 10_000;
/** Until what could not be completed is tried again. */
const RETRY_MS = 10_000;

/** Writes flow batches to files of a folder: an accepted batch is in them, whole and once. */
export class FileSink implements Sink {
  readonly description: string;
  readonly limits: SinkLimits = { records: RECORDS_MAX, bytes: Number.POSITIVE_INFINITY, inFlight: BATCHES_MAX };
  readonly #options: FileSinkOptions;
  readonly #waiting: Waiting[] = [];
  /** Everything that touches the files, one after the other. */
  #work: Promise<void> = Promise.resolve();
  #store: FileStore | undefined;
  #folder: Folder | undefined;
  #unlock: (() => void) | undefined;
  #cancelTimer: (() => void) | undefined;
  #isClosed = false;

  constructor(options: FileSinkOptions) {
    this.description = `files in ${options.folder}`;
    this.#options = options;
  }

  send(batch: Uint8Array): Promise<SendOutcome> {
    return new Promise((answer) => {
      this.#waiting.push({ batch, answer });
      void this.#next(() => this.#appendWaiting());
    });
  }

  async probe(): Promise<ProbeOutcome> {
    const { folder } = this.#options;
    try {
      await probeFolder(folder);
      return { kind: 'accepted' };
    } catch (error) {
      return refusalOf(error, folder);
    }
  }

  /** Completes what is open, so that all that was accepted can be shipped. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer?.();
    await this.#next(async () => {
      try {
        await this.#store?.finish();
      } catch (error) {
        // The next start completes them.
        refusalOf(error, this.#options.folder);
      }
      await this.#leave();
    });
  }

  #next(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work);
    return this.#work;
  }

  async #appendWaiting(): Promise<void> {
    const group = this.#waiting.splice(0, BATCHES_MAX);
    if (group.length === 0) return;
    const outcomes = await this.#append(group.map(({ batch }) => batch));
    for (const [index, { answer }] of group.entries()) answer(outcomes[index]!);
  }

  async #append(batches: readonly Uint8Array[]): Promise<readonly SendOutcome[]> {
    try {
      const store = await this.#opened();
      const refusals = await store.append(batches);
      this.#schedule();
      return refusals.map(outcomeOf);
    } catch (error) {
      const refusal = refusalOf(error, this.#options.folder);
      await this.#leave();
      return batches.map(() => refusal);
    }
  }

  async #opened(): Promise<FileStore> {
    if (this.#store !== undefined && (await this.#folder!.isInPlace())) return this.#store;
    await this.#leave();
    const { folder: path, lock, openFolder = OutputFolder.open } = this.#options;
    const folder = await openFolder(path);
    this.#folder = folder;
    const taken = lock?.(`${path}/${LOCK}`);
    if (taken?.kind === 'taken') {
      throw new OperationalError(
        'sink.refused',
        `${path} is in use by ${taken.holder}: name another folder, or stop that`,
      );
    }
    this.#unlock = taken?.release;
    this.#store = await FileStore.open(folder, this.#options);
    return this.#store;
  }

  async #leave(): Promise<void> {
    const [store, folder, unlock] = [this.#store, this.#folder, this.#unlock];
    this.#store = undefined;
    this.#folder = undefined;
    this.#unlock = undefined;
    await store?.close();
    await folder?.close();
    unlock?.();
  }

  /** A pair is completed in time though no batch comes. */
  #schedule(afterMs = this.#untilDueMs()): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (afterMs === undefined || this.#isClosed) return;
    this.#cancelTimer = this.#options.timers.after(afterMs, () => void this.#next(() => this.#completeDue()));
  }

  #untilDueMs(): number | undefined {
    const dueMs = this.#store?.dueMs;
    return dueMs === undefined ? undefined : Math.max(0, dueMs - this.#options.nowMs());
  }

  async #completeDue(): Promise<void> {
    if (this.#isClosed) return;
    try {
      await (this.#store ?? (await this.#opened())).completeDue();
      this.#schedule();
    } catch (error) {
      refusalOf(error, this.#options.folder);
      await this.#leave();
      this.#schedule(RETRY_MS);
    }
  }
}

function outcomeOf(refusal: OperationalError | undefined): SendOutcome {
  if (refusal === undefined) return { kind: 'accepted' };
  return { kind: refusal.code === 'spool.newer' ? 'newer' : 'poison', reason: refusal.message };
}
