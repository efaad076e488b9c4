import { applyRetention, type RetentionOptions } from './retention.ts';
import type { RewritingWriter } from './rewriting.ts';
import type { Store } from './store.ts';
import type { Writer } from './writer.ts';

export interface BoundsOptions extends RetentionOptions {
  readonly now: () => number;
  readonly log: (line: string) => void;
}

const LOOK_MS = 60_000;

/** Looks at the limits of the store at the start and every minute. */
export class Bounds {
  readonly #store: Store;
  readonly #options: BoundsOptions;
  readonly #turns: RewritingWriter;
  #timer: NodeJS.Timeout | undefined;
  #look: Promise<void> | undefined;
  #stopping = false;

  constructor(store: Store, writer: Writer, options: BoundsOptions) {
    this.#store = store;
    this.#options = options;
    this.#turns = {
      exclusive: (work) => (this.#stopping ? Promise.reject(new Error('the service stops')) : writer.exclusive(work)),
      tableReplaced: () => writer.tableReplaced(),
    };
  }

  start(): void {
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), LOOK_MS);
    this.#timer.unref();
  }

  /** No step begins from now on; one that waits for searches ends after them. */
  stop(): void {
    clearInterval(this.#timer);
    this.#stopping = true;
  }

  async ended(): Promise<void> {
    await this.#look;
  }

  #tick(): void {
    this.#look ??= this.#lookOnce().finally(() => {
      this.#look = undefined;
    });
  }

  async #lookOnce(): Promise<void> {
    const { log, now } = this.#options;
    try {
      const { logsDeleted } = await applyRetention(this.#store, this.#turns, this.#options, now());
      if (logsDeleted > 0) log(`log service: deleted the oldest ${logsDeleted} logs to stay within its limits`);
    } catch (error) {
      if (!this.#stopping) log(`log service: deleting old logs failed: ${(error as Error).message}`);
    }
  }
}
