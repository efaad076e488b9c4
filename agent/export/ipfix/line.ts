/** A line to a collector over which messages go, and what is known of its end: IPFIX acknowledges nothing. */
import type { Messages } from './message-writer.ts';

/** How long a batch stands for what a refusal or a close may say of it. */
export const SETTLE_MS = 100;

export class LineError extends Error {}

export abstract class Line {
  #failure: LineError | undefined;
  readonly #listeners = new Set<() => void>();

  /** Why nothing goes over it any more. */
  get failure(): LineError | undefined {
    return this.#failure;
  }

  /** Resolved when the kernel has all of it. @throws LineError */
  abstract write(messages: Messages, signal: AbortSignal): Promise<void>;

  abstract close(): Promise<void>;

  /** The first reason counts: what follows comes of it. */
  protected fail(reason: string): LineError {
    this.#failure ??= new LineError(reason);
    for (const listener of [...this.#listeners]) listener();
    return this.#failure;
  }

  /** Waits whether it fails within some time; ends early, as it is then, where that is called off. */
  settle(delayMs: number, signal: AbortSignal): Promise<LineError | undefined> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        signal.removeEventListener('abort', done);
        resolve(this.#failure);
      };
      // A process that stood still finds its timer first, and then what came meanwhile: the check phase is behind both.
      const timer = setTimeout(() => setImmediate(done), delayMs);
      this.#listeners.add(done);
      signal.addEventListener('abort', done);
      if (this.#failure !== undefined || signal.aborted) done();
    });
  }
}

/** How lines come about. */
export interface Way {
  /** The sequence numbers of a stream begin with 0. */
  readonly isStream: boolean;
  /** The line as it is, or another where it failed or leads elsewhere now. @throws ConnectError, LineError */
  open(): Promise<Line>;
  close(): Promise<void>;
}
