/**
 * How far findings were told, in the state directory: `findings-told.json`, `{"log": "1f0c...", "logged": 17, "sent": 12, "shipped": 17}`, the numbers being
 * those of events in that log. One that is damaged or cannot be written costs repeated or missing lines, and is no reason to stop.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceDurably } from './durable-file.ts';
import { SharedWrites } from './shared-writes.ts';

export const TOLD_FILE = 'findings-told.json';

interface Numbers {
  /** Undefined where nothing was followed yet, or by a version that did not know. */
  readonly log: string | undefined;
  readonly logged: number;
  /** To the webhook. */
  readonly sent: number;
  /** On the way to the sinks, durably. */
  readonly shipped: number;
}

export class ToldFile {
  readonly #path: string;
  readonly #writes = new SharedWrites(() => replaceDurably(this.#path, this.#text).catch(() => undefined));
  #numbers: Numbers = { log: undefined, logged: 0, sent: 0, shipped: 0 };

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, TOLD_FILE);
  }

  /** The cursor from which on something is to be told; undefined where nothing was told yet. */
  async read(): Promise<number | undefined> {
    try {
      const {
        log,
        logged,
        sent,
        shipped = logged,
      } = JSON.parse(await readFile(this.#path, 'utf8')) as Partial<Numbers>;
      if (![logged, sent, shipped].every(Number.isSafeInteger)) return undefined;
      this.#numbers = { log, logged: logged!, sent: sent!, shipped: shipped! };
      return Math.min(logged!, sent!, shipped!);
    } catch {
      return undefined;
    }
  }

  get log(): string | undefined {
    return this.#numbers.log;
  }

  get logged(): number {
    return this.#numbers.logged;
  }

  set logged(logged: number) {
    this.#change({ logged });
  }

  get sent(): number {
    return this.#numbers.sent;
  }

  set sent(sent: number) {
    this.#change({ sent });
  }

  get shipped(): number {
    return this.#numbers.shipped;
  }

  set shipped(shipped: number) {
    this.#change({ shipped });
  }

  /** The webhook needs no further attempt for an event. A log that began anew has others of the same numbers. */
  settle({ log, sequence }: { readonly log: string; readonly sequence: number }): void {
    if (log === this.log) this.sent = sequence;
  }

  settleShipped({ log, sequence }: { readonly log: string; readonly sequence: number }): void {
    if (log === this.log) this.shipped = sequence;
  }

  /** The log that is followed from now on, as far as it was before. */
  follow(log: string): void {
    this.#change({ log });
  }

  /** Nothing was told of what is followed from now on. */
  beginAnew(log: string): void {
    this.#change({ log, logged: 0, sent: 0, shipped: 0 });
  }

  async flush(): Promise<void> {
    await this.#writes.done;
  }

  #change(change: Partial<Numbers>): void {
    const before = this.#text;
    this.#numbers = { ...this.#numbers, ...change };
    if (this.#text !== before) void this.#writes.due();
  }

  get #text(): string {
    return JSON.stringify(this.#numbers);
  }
}
