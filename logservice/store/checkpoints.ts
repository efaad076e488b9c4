import type { Store } from './store.ts';
import type { Writer } from './writer.ts';

/**
 * Writes the log of changes into the database file whenever it has grown, between two searches: what a search reads must stay. One
 * that runs delays that, and where uploads are so many that the log grows too much meanwhile, it is ended.
 */
const CHANGES_BYTES = 16 * 1024 * 1024;
/** Beyond these a search reads faster after a checkpoint, which costs as much as one reading of the log. */
const CHANGES_BYTES_OF_SEARCH = 1024 * 1024;
const CHANGES_BYTES_MAX = 128 * 1024 * 1024;

export interface CheckpointsOptions {
  readonly store: Store;
  readonly writer: Pick<Writer, 'exclusive'>;
  readonly endSearches: () => void;
  readonly log: (line: string) => void;
}

export class Checkpoints {
  readonly #options: CheckpointsOptions;
  #running: Promise<void> | undefined;
  /** Where one failed, the next is due when the log has grown again. */
  #dueBytes = CHANGES_BYTES;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  /** After each commit. */
  look(): void {
    const { store, endSearches } = this.#options;
    const bytes = store.changesBytes;
    if (this.#running !== undefined) {
      if (bytes > CHANGES_BYTES_MAX) endSearches();
      return;
    }
    if (bytes < this.#dueBytes) return;
    this.#run(bytes);
  }

  /** Before each search, where none runs. */
  async lookBeforeSearch(): Promise<void> {
    const { store } = this.#options;
    if (this.#running !== undefined || !store.gate.isEmpty || store.changesBytes < CHANGES_BYTES_OF_SEARCH) return;
    this.#run(store.changesBytes);
    await this.#running;
  }

  /** Ends when none runs. */
  async stop(): Promise<void> {
    await this.#running;
  }

  #run(bytes: number): void {
    this.#running = this.#checkpoint(bytes).finally(() => {
      this.#running = undefined;
    });
  }

  async #checkpoint(bytes: number): Promise<void> {
    const { store, writer, log } = this.#options;
    try {
      await store.gate.alone(() => writer.exclusive(() => store.checkpoint()));
      this.#dueBytes = CHANGES_BYTES;
    } catch (error) {
      this.#dueBytes = bytes + CHANGES_BYTES;
      log(
        `log service: writing the changes into the database file failed, it is tried again: ${(error as Error).message}`,
      );
    }
  }
}
