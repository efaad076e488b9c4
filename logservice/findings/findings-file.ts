/**
 * What the log service has found, in one file of its store: the book, the last events, and how far the store was read.
 *
 *     findings.json   { "version": 1, "cursor": "4711", "book": ..., "events": ... }
 *
 * It is replaced as a whole, so a crash leaves the one before. A finding, a suppression or an event that is invalid is left out. What is
 * damaged else is set aside as findings.json.damaged and begun anew: the records are still there.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Analysis } from '../../analyses/analysis.ts';
import { EventLog } from '../../detect/event-log.ts';
import { FindingsBook } from '../../detect/findings-book.ts';
import { replaceDurably } from '../store/durable-file.ts';

const VERSION = 1;
const OWNERS = 0o600;

export interface Found {
  readonly book: FindingsBook;
  readonly events: EventLog;
  /** The last package of the store that was read; undefined before the first. */
  cursor: bigint | undefined;
}

export class FindingsFile {
  readonly path: string;
  readonly #log: (line: string) => void;
  #turn: Promise<unknown> = Promise.resolve();
  #isBehind = false;

  constructor(folder: string, log: (line: string) => void) {
    this.path = join(folder, 'findings.json');
    this.#log = log;
  }

  read(rules: readonly Analysis[]): Found {
    try {
      const text = readFileSync(this.path, 'utf8');
      return restored(rules, JSON.parse(text), (what) => this.#leaveOut(what));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT') this.#setAside(message);
      return { book: new FindingsBook(rules), events: new EventLog(randomUUID()), cursor: undefined };
    }
  }

  /** Whether something that was to be written is not: the next attempt is due. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** One after the other, each as it is when its turn comes. */
  write(found: Found): Promise<void> {
    const written = this.#turn.then(async () => {
      this.#isBehind = true;
      await replaceDurably(this.path, textOf(found), OWNERS);
      this.#isBehind = false;
    });
    this.#turn = written.catch(() => undefined);
    return written;
  }

  #leaveOut(what: string): void {
    this.#log(`log service: ${what} of ${this.path} is invalid and left out; all else of it is kept`);
  }

  #setAside(why: string): void {
    const aside = `${this.path}.damaged`;
    try {
      renameSync(this.path, aside);
      this.#log(`log service: findings begin anew: ${this.path} is damaged (${why}) and was moved to ${aside}`);
    } catch (error) {
      this.#log(`log service: findings begin anew: reading ${this.path} failed: ${why}; ${(error as Error).message}`);
    }
  }
}

function textOf({ book, events, cursor }: Found): string {
  return JSON.stringify({
    version: VERSION,
    cursor: cursor?.toString(),
    book: book.snapshot(),
    events: events.snapshot(),
  });
}

/** @throws Error that says what is wrong with it */
function restored(rules: readonly Analysis[], value: unknown, onLeftOut: (what: string) => void): Found {
  const { version, cursor, book, events } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (version !== VERSION) throw new Error(`expected version ${VERSION}`);
  if (cursor !== undefined && !(typeof cursor === 'string' && /^\d{1,18}$/.test(cursor))) throw new Error('no cursor');
  return {
    book: FindingsBook.restore(rules, book, onLeftOut),
    events: EventLog.restore(events, (count) => onLeftOut(`${count} of the events`)),
    cursor: cursor === undefined ? undefined : BigInt(cursor),
  };
}
