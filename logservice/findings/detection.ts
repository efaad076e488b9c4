/**
 * Runs the rules over what was stored: reads what is fresh after each commit, in small steps between uploads, and at each end of a window
 * makes findings of what the rules signal.
 *
 * A rule looks back over some time, which it keeps in memory. After a restart the records of the last minutes are read once more for that:
 * the book knows what it has recorded, so nothing is found twice.
 */
import type { Detector } from '../../detect/detector.ts';
import type { FindingEvent } from '../../detect/finding.ts';
import type { Observed } from '../../detect/observed.ts';
import type { EndedWindow } from '../../detect/window-observer.ts';
import type { FindingsFile, Found } from './findings-file.ts';
import type { FreshRecords, Visitor } from './fresh-records.ts';
import { Pace } from './pace.ts';
import { WindowClock } from './window-clock.ts';

export interface DetectionOptions {
  readonly found: Found;
  readonly file: FindingsFile;
  readonly detector: Detector;
  readonly fresh: FreshRecords;
  /** Runs while no checkpoint does. */
  readonly reading: <T>(work: () => Promise<T>) => Promise<T>;
  readonly now: () => number;
  /** Records that may be stored and not looked at; beyond that the older half is left out. */
  readonly behindMax?: number;
  readonly onEvents: (events: readonly FindingEvent[]) => void;
  readonly log: (line: string) => void;
}

/** How long nothing more of a window may come before it has ended. */
const QUIET_MS = 1000;
/** Read again after a restart: the longest span of a rule that forgets by the minute. */
const READ_AGAIN_MS = 600_000;
const BEHIND_MAX = 2_000_000;
/** A cursor alone is written so often. */
const CURSOR_MS = 60_000;
/** Records that claim to be from later than this are no window's: one of them would end all others. */
const AHEAD_SECONDS_MAX = 3600;

export class Detection implements Visitor {
  readonly #options: DetectionOptions;
  readonly #clock = new WindowClock();
  #cursor: bigint | undefined;
  #writtenMs = 0;
  #isDue = false;
  #isStopping = false;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #news: FindingEvent[] = [];
  #latestSeconds = 0;
  #ahead = 0;
  #records = 0;
  #skipped = 0;
  readonly #pace = new Pace();

  constructor(options: DetectionOptions) {
    this.#options = options;
  }

  /** Records since the start: those that were observed, those that claimed to be from the future, and those that were left out. */
  get counts(): { readonly records: number; readonly ahead: number; readonly skipped: number } {
    return { records: this.#records, ahead: this.#ahead, skipped: this.#skipped };
  }

  /** End of the last window that was looked at, Unix seconds. */
  get windowEnd(): number | undefined {
    return this.#clock.ended;
  }

  /** Something may have been stored. */
  look(): void {
    this.#isDue = true;
    if (this.#isStopping || this.#running !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isDue) this.look();
    });
  }

  /** The window that is open is found again from the store. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    await this.#running;
    await this.#write();
  }

  step(): Promise<void> {
    return this.#pace.step();
  }

  window(start: number, end: number): void {
    if (end > this.#latestSeconds) return;
    const ended = this.#clock.seen(start, end);
    if (ended !== undefined) this.#close(ended);
  }

  record(record: Observed): void {
    if (record.end > this.#latestSeconds) {
      this.#ahead += 1;
      return;
    }
    this.#records += 1;
    this.#options.detector.observe(record);
  }

  async #run(): Promise<void> {
    this.#isDue = false;
    clearTimeout(this.#timer);
    try {
      await this.#readAll();
    } catch (error) {
      this.#options.log(`log service: looking for findings failed, it is tried again: ${(error as Error).message}`);
    }
    await this.#write();
    if (this.#isStopping) return;
    this.#timer = setTimeout(() => this.#quiet(), QUIET_MS);
    this.#timer.unref();
  }

  async #readAll(): Promise<void> {
    const { fresh, reading, now } = this.#options;
    while (!this.#isStopping) {
      this.#latestSeconds = now() / 1000 + AHEAD_SECONDS_MAX;
      this.#cursor ??= await this.#firstCursor();
      const cursor = await this.#caughtUp(this.#cursor);
      const next = await reading(() => fresh.next(cursor));
      this.#cursor = next?.cursor ?? cursor;
      if (next === undefined) return;
      this.#pace.begin();
      await fresh.visit(next, this);
    }
  }

  /** Further on, where more is stored than it can look at. */
  async #caughtUp(cursor: bigint): Promise<bigint> {
    const { fresh, reading, log, behindMax = BEHIND_MAX } = this.#options;
    const pending = await reading(() => fresh.pending(cursor));
    if (pending <= behindMax) return cursor;
    const further = await reading(() => fresh.newest(cursor, behindMax / 2));
    const skipped = pending - (await reading(() => fresh.pending(further)));
    this.#skipped += skipped;
    log(`log service: records come faster than findings are looked for; ${skipped} of them were not looked at`);
    return further;
  }

  async #firstCursor(): Promise<bigint> {
    const { found, fresh, now, reading } = this.#options;
    const again = await reading(() => fresh.cursorAt(now() - READ_AGAIN_MS));
    return found.cursor !== undefined && found.cursor < again ? found.cursor : again;
  }

  #quiet(): void {
    if (this.#isDue || this.#running !== undefined) return;
    const ended = this.#clock.quiet();
    if (ended !== undefined) this.#close(ended);
    void this.#write();
  }

  #close(window: EndedWindow): void {
    const { detector, found } = this.#options;
    this.#news.push(...found.book.record(detector.close(window), window.end));
  }

  /** What happened, before it is told, or how far it has read. */
  async #write(): Promise<void> {
    const { found, file, now, log, onEvents } = this.#options;
    const news = this.#news.splice(0);
    const isDue = news.length > 0 || now() - this.#writtenMs >= CURSOR_MS || this.#isStopping;
    if (this.#cursor === undefined || !isDue) return;
    found.cursor = this.#cursor;
    found.events.add(news);
    try {
      await file.write(found);
      this.#writtenMs = now();
    } catch (error) {
      this.#writtenMs = 0;
      log(`log service: writing the findings failed, it is tried again: ${(error as Error).message}`);
    }
    if (news.length > 0) onEvents(news);
  }
}
