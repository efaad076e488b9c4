/**
 * What the agent has found, in one file of its state directory:
 *
 *     findings.json   {"version": 1, "book": ..., "events": ...}
 *
 * A new one is written beside the old one, made durable, and takes its name in one step. A corrupt one is moved to
 * findings.json.damaged, and findings begin anew.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Analysis } from '../../analyses/analysis.ts';
import { EventLog } from '../../detect/event-log.ts';
import { FindingsBook } from '../../detect/findings-book.ts';
import type { Log } from '../telemetry/log.ts';
import { replaceDurably } from './durable-file.ts';
import { SharedWrites } from './shared-writes.ts';

export const FINDINGS_FILE = 'findings.json';
const VERSION = 1;

export interface Found {
  readonly book: FindingsBook;
  readonly events: EventLog;
}

export class FindingsFile {
  readonly #path: string;
  readonly #log: Log;
  readonly #writes = new SharedWrites(() => this.#writeLatest());
  #latest: Found | undefined;
  #isFailing = false;

  constructor(folder: string, log: Log) {
    this.#path = join(folder, FINDINGS_FILE);
    this.#log = log;
  }

  read(catalogue: readonly Analysis[]): Found {
    try {
      const value: unknown = JSON.parse(readFileSync(this.#path, 'utf8'));
      return restored(catalogue, value, (what) =>
        this.#log.warn('invalid part of the file of findings left out', { file: this.#path, part: what }),
      );
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT') this.#quarantine(message);
      return { book: new FindingsBook(catalogue), events: new EventLog(randomUUID()) };
    }
  }

  /** Many changes share one. Never rejected: what is in memory stays right. */
  write(found: Found): Promise<void> {
    this.#latest = found;
    return this.#writes.due();
  }

  async #writeLatest(): Promise<void> {
    try {
      await replaceDurably(this.#path, textOf(this.#latest!));
      this.#wrote(undefined);
    } catch (error) {
      this.#wrote((error as Error).message);
    }
  }

  /** Once for each change. */
  #wrote(failure: string | undefined): void {
    if (failure !== undefined && !this.#isFailing)
      this.#log.warn('findings not persisted: disk write failed; a restart would lose them', { reason: failure });
    if (failure === undefined && this.#isFailing) this.#log.warn('findings persisted again');
    this.#isFailing = failure !== undefined;
  }

  #quarantine(reason: string): void {
    const damaged = `${this.#path}.damaged`;
    try {
      renameSync(this.#path, damaged);
      this.#log.error('corrupt file of findings moved; findings begin anew', { file: damaged, reason });
    } catch (error) {
      const { message } = error as Error;
      this.#log.error('file of findings cannot be read; findings begin anew', { file: this.#path, reason, message });
    }
  }
}

function textOf({ book, events }: Found): string {
  return `${JSON.stringify({ version: VERSION, book: book.snapshot(), events: events.snapshot() })}\n`;
}

/** @throws Error that says what is wrong with it */
function restored(catalogue: readonly Analysis[], value: unknown, onLeftOut: (what: string) => void): Found {
  const { version, book, events } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (version !== VERSION) throw new Error(`expected version ${VERSION}`);
  return {
    book: FindingsBook.restore(catalogue, book, onLeftOut),
    events: EventLog.restore(events, (count) => onLeftOut(`${count} of the events`)),
  };
}
