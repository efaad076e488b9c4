/**
 * How far findings were told, in the state directory: `findings-told.json`, `{"logged": 17, "sent": 12}`. One that is damaged or cannot be
 * written costs repeated or missing lines, and is no reason to stop.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceDurably } from './durable-file.ts';

export const TOLD_FILE = 'findings-told.json';

export class ToldFile {
  readonly #path: string;
  #logged = 0;
  #sent = 0;
  #writing: Promise<void> | undefined;
  #isStale = false;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, TOLD_FILE);
  }

  /** The cursor from which on something is to be told; undefined where nothing was told yet. */
  async read(): Promise<number | undefined> {
    try {
      const { logged, sent } = JSON.parse(await readFile(this.#path, 'utf8')) as Record<string, unknown>;
      if (!Number.isSafeInteger(logged) || !Number.isSafeInteger(sent)) return undefined;
      this.#logged = logged as number;
      this.#sent = sent as number;
      return Math.min(this.#logged, this.#sent);
    } catch {
      return undefined;
    }
  }

  get logged(): number {
    return this.#logged;
  }

  set logged(sequence: number) {
    if (sequence === this.#logged) return;
    this.#logged = sequence;
    this.#write();
  }

  get sent(): number {
    return this.#sent;
  }

  set sent(sequence: number) {
    if (sequence === this.#sent) return;
    this.#sent = sequence;
    this.#write();
  }

  /** Its numbers are of another book. */
  forget(): void {
    this.#logged = 0;
    this.#sent = 0;
  }

  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** As it is when its turn comes: many changes share one. */
  #write(): void {
    this.#isStale = true;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#isStale) {
      this.#isStale = false;
      await replaceDurably(this.#path, JSON.stringify({ logged: this.#logged, sent: this.#sent })).catch(
        () => undefined,
      );
    }
  }
}
