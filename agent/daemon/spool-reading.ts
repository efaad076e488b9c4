/**
 * Reads what an earlier run left in the spool while capture runs, step by step, and between two steps lets others have the
 * thread. A folder that cannot be read now is tried again: windows are pending in memory meanwhile.
 */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { OperationalError } from '../model/operational-error.ts';
import type { Spool } from '../spool/spool.ts';

const RETRY_MS = 2_000;

export interface SpoolReadingEvents {
  /** Once for each change: why the folder cannot be read, or undefined when it can again. */
  readonly onState: (failure: OperationalError | undefined) => void;
  /** Every size is known. */
  readonly onComplete: () => void;
}

export class SpoolReading {
  readonly #spool: Pick<Spool, 'readSome' | 'isListed'>;
  readonly #events: SpoolReadingEvents;
  readonly #stop = new AbortController();
  #isFailing = false;
  /** Whether the names are known; false where the reading was stopped before, because the folder cannot be read. */
  readonly listed: Promise<boolean>;

  constructor(spool: Pick<Spool, 'readSome' | 'isListed'>, events: SpoolReadingEvents) {
    this.#spool = spool;
    this.#events = events;
    this.listed = this.#list();
    void this.listed.then((isListed) => (isListed ? this.#measure() : undefined));
  }

  /** Names are still read to their end, because windows need the next number; what cannot be read is tried no more. */
  stop(): void {
    this.#stop.abort();
  }

  async #list(): Promise<boolean> {
    const { signal } = this.#stop;
    while (!this.#spool.isListed) {
      const failure = this.#step();
      this.#enter(failure);
      if (failure === undefined) await turn();
      else if (signal.aborted) return false;
      else await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
    return true;
  }

  async #measure(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (!this.#spool.readSome()) return this.#events.onComplete();
      await turn();
    }
  }

  #step(): OperationalError | undefined {
    try {
      this.#spool.readSome();
      return undefined;
    } catch (error) {
      if (error instanceof OperationalError) return error;
      throw error;
    }
  }

  /** A step that went well says nothing about the next: only the whole list does. */
  #enter(failure: OperationalError | undefined): void {
    if (failure === undefined && !(this.#isFailing && this.#spool.isListed)) return;
    if (failure !== undefined && this.#isFailing) return;
    this.#isFailing = failure !== undefined;
    this.#events.onState(failure);
  }
}
