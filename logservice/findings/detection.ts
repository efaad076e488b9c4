/**
 * Runs the rules over what was stored: reads what is fresh after each commit, in small steps between uploads, and at each end of a window
 * makes findings of what the rules signal.
 *
 * A rule looks back over some time, which it keeps in memory. After a restart the records of the last minutes, and of a day as far as
 * that is not too many, are read once more for that: the book has what was found in them, so nothing is found twice.
 */
import type { Detector } from '../../detect/detector.ts';
import type { FindingEvent } from '../../detect/finding.ts';
import { type LookedAt, sumOfUse } from '../../detect/looked-at.ts';
import type { Observed } from '../../detect/observed.ts';
import type { EndedWindow } from '../../detect/window-observer.ts';
import type { FindingsFile, Found } from './findings-file.ts';
import type { Fresh, FreshRecords, Visitor } from './fresh-records.ts';
import { Pace } from './pace.ts';
import { type Fault, faultOf, isWindow } from './uploaded-record.ts';
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
  /** Logs that are read again after a restart, beyond those of the last minutes. */
  readonly againMax?: number;
  /** How often it looks which findings are quiet. */
  readonly quietMs?: number;
  readonly onEvents: (events: readonly FindingEvent[]) => void;
  readonly log: (line: string) => void;
}

/** How long nothing more of a window may come before it has ended. */
const QUIET_MS = 1000;
/** Read again after a restart: what rules look back over that forget by the minute, and by the day as far as it is so many logs. */
const READ_AGAIN_MS = 600_000;
const READ_AGAIN_MS_MAX = 86_400_000;
const READ_AGAIN_LOGS = 200_000;
const BEHIND_MAX = 2_000_000;
/** A cursor alone is written so often. */
const CURSOR_MS = 60_000;
/** A write that failed is tried again so often. */
const AGAIN_MS = 5000;
/** How far the clock of a host may be ahead. */
const AHEAD_SECONDS_MAX = 120;
/** The span of a rule begins so much later by the own clock, so that records of hosts that are slower still count in the one before. */
const LATE_SECONDS = 60;
/** Findings are closed so often where no window ends. */
const CLOSE_MS = 10_000;

export class Detection implements Visitor {
  readonly #options: DetectionOptions;
  readonly #clock = new WindowClock();
  #cursor: bigint | undefined;
  /** The cursor of the file at the start: what ended in the records before it is in the book. */
  #known = -1n;
  #isReadAgain = false;
  #writtenMs = 0;
  #isDue = false;
  #isStopping = false;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #sweep: NodeJS.Timeout;
  readonly #news: FindingEvent[] = [];
  /** The number of the last of them. */
  #noted = 0;
  #nowSeconds = 0;
  readonly #counts = { records: 0, ahead: 0, skipped: 0 };
  readonly #faults: Record<Fault, number> = { address: 0, number: 0, time: 0 };
  readonly #pace = new Pace();

  constructor(options: DetectionOptions) {
    this.#options = options;
    this.#sweep = setInterval(() => this.#closeQuiet(), options.quietMs ?? CLOSE_MS).unref();
  }

  get counts(): LookedAt {
    const { address: invalidAddresses, number: invalidNumbers, time: invalidTimes } = this.#faults;
    const ofRules = sumOfUse(this.#options.detector.use.values());
    return { ...this.#counts, skippedWindows: 0, invalidAddresses, invalidNumbers, invalidTimes, ...ofRules };
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
    clearInterval(this.#sweep);
    this.#pace.hurry();
    await this.#running;
    await this.#write();
  }

  async step(): Promise<void> {
    await this.#pace.step();
    this.#readClock();
  }

  window(start: number, end: number): boolean {
    if (!isWindow(start, end) || this.#isAhead(end)) return false;
    const ended = this.#clock.seen(start, end, this.#nowSeconds);
    if (ended !== undefined) this.#close(ended);
    return ended !== undefined;
  }

  record(record: Observed): void {
    const fault = faultOf(record);
    if (fault !== undefined) {
      this.#faults[fault] += 1;
      return;
    }
    if (this.#isAhead(record.end)) {
      this.#counts.ahead += 1;
      return;
    }
    this.#counts.records += 1;
    record.spanTime = this.#spanTime(record.start);
    this.#options.detector.observe(record);
  }

  #isAhead(end: number): boolean {
    return end > this.#nowSeconds + AHEAD_SECONDS_MAX;
  }

  #spanTime(start: number): number {
    return Math.min(start, this.#nowSeconds - LATE_SECONDS);
  }

  #readClock(): void {
    this.#nowSeconds = Math.floor(this.#options.now() / 1000);
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
    this.#timer = setTimeout(() => this.#quiet(), QUIET_MS).unref();
  }

  async #readAll(): Promise<void> {
    const { fresh, reading } = this.#options;
    while (!this.#isStopping) {
      this.#cursor ??= await this.#firstCursor();
      const cursor = await this.#caughtUp(this.#cursor);
      const next = await reading(() => fresh.next(cursor));
      if (next !== undefined) await this.#visit(next);
      this.#cursor = next?.cursor ?? cursor;
      if (next === undefined) return;
      await this.#write();
    }
  }

  async #visit(next: Fresh): Promise<void> {
    this.#pace.begin();
    this.#readClock();
    this.#isReadAgain = next.cursor <= this.#known;
    try {
      await this.#options.fresh.visit(next, this);
    } catch (error) {
      // They lie in memory: what fails there fails again.
      const { message } = error as Error;
      this.#options.log(`log service: looking for findings in uploads failed, and they are left out: ${message}`);
    }
    this.#isReadAgain = false;
  }

  /** Further on, where more is stored than it can look at. */
  async #caughtUp(cursor: bigint): Promise<bigint> {
    const { fresh, reading, log, behindMax = BEHIND_MAX } = this.#options;
    const pending = await reading(() => fresh.pending(cursor));
    if (pending <= behindMax) return cursor;
    const further = await reading(() => fresh.newest(cursor, behindMax / 2));
    const skipped = pending - (await reading(() => fresh.pending(further)));
    this.#counts.skipped += skipped;
    log(`log service: records come faster than findings are looked for; ${skipped} of them were not looked at`);
    return further;
  }

  /** Before what came in the last minutes or day until it stopped, however long ago that is. */
  async #firstCursor(): Promise<bigint> {
    const { fresh, now, reading, found, againMax = READ_AGAIN_LOGS } = this.#options;
    const { cursor } = found;
    this.#known = cursor ?? this.#known;
    const receivedMs = cursor === undefined ? undefined : await reading(() => fresh.receivedMs(cursor));
    const readMs = Math.min(now(), receivedMs ?? Number.POSITIVE_INFINITY);
    const last = await reading(() => fresh.cursorAt(readMs - READ_AGAIN_MS));
    const day = await reading(() => fresh.cursorAt(readMs - READ_AGAIN_MS_MAX));
    const many = await reading(() => fresh.newest(day, againMax));
    if (many < last) return cursor === undefined || many < cursor ? many : cursor;
    return cursor === undefined || last < cursor ? last : cursor;
  }

  #quiet(): void {
    if (this.#isDue || this.#running !== undefined) return;
    this.#readClock();
    const ended = this.#clock.quiet();
    if (ended !== undefined) this.#close(ended);
    void this.#write();
  }

  #close(window: EndedWindow): void {
    const { detector, found } = this.#options;
    const { start, end } = window;
    const signals = detector.close({ start: this.#spanTime(start), end });
    // What the book says of it may have been suppressed, or forgotten.
    if (this.#isReadAgain) return;
    this.#note(found.book.record(signals, end, this.#nowSeconds));
  }

  /** By the own clock, where hosts that had findings send nothing more. */
  #closeQuiet(): void {
    const { found, file, now } = this.#options;
    this.#note(found.book.closeQuiet(Math.floor(now() / 1000)));
    if (this.#news.length > 0 || file.isBehind) void this.#write();
  }

  /** In the file as soon as the book that says so. */
  #note(events: readonly FindingEvent[]): void {
    this.#noted = this.#options.found.events.note(events);
    this.#news.push(...events);
  }

  /** What happened, before it is told, or how far it has read. */
  async #write(): Promise<void> {
    const { found, file, now, log, onEvents } = this.#options;
    const news = this.#news.splice(0);
    const noted = this.#noted;
    const isDue = news.length > 0 || now() - this.#writtenMs >= (file.isBehind ? AGAIN_MS : CURSOR_MS);
    if (!isDue && !this.#isStopping) return;
    found.cursor = this.#cursor ?? found.cursor;
    this.#writtenMs = now();
    try {
      await file.write(found);
    } catch (error) {
      log(`log service: writing the findings failed, it is tried again: ${(error as Error).message}`);
    }
    found.events.show(noted);
    if (news.length > 0) onEvents(news);
  }
}
