/**
 * What keeps the log short without keeping its last word back.
 *
 * Each line has a subject (an interface, a flow log, a sink, else the agent as a whole). A line that repeats the last one of its
 * subject is counted for a minute instead of written; one that says something else, as every change of state does, is written.
 * Where a subject changes too often, or too many lines come in a minute, further ones are held back, of each subject the last,
 * which is written when the minute is over: so the log always ends with what is so.
 */
export interface Line {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface LineLimitsOptions {
  /** The wall clock, Unix milliseconds. */
  readonly nowMs: () => number;
  readonly write: (line: Line) => void;
  /** Calls later; nothing waits for it at the end. */
  readonly after: (delayMs: number, call: () => void) => void;
}

const MINUTE_MS = 60_000;
/** Times in a minute that one line of a subject is written, with others of that subject in between. */
const CHANGES_MAX = 5;
/** Of one level in a minute; enough for one of each interface that there may be. */
const LINES_MAX = 300;
/** Subjects, and lines of subjects, that are remembered; the oldest is forgotten beyond. */
const REMEMBERED_MAX = 4096;

interface Subject {
  /** What was said of it last, written or not. */
  last: string;
  /** That, where it was held back. */
  held: Line | undefined;
}

interface Count {
  readonly sinceMs: number;
  written: number;
}

export class LineLimits {
  readonly #options: LineLimitsOptions;
  readonly #subjects = new Map<string, Subject>();
  readonly #counts = new Map<string, Count>();
  readonly #suppressed = new Map<string, number>();
  readonly #budgets = new Map<Line['level'], Budget>();
  #isTimed = false;

  constructor(options: LineLimitsOptions) {
    this.#options = options;
  }

  say(line: Line): void {
    const subject = this.#subject(line);
    const key = keyOf(line);
    const identity = `${key}\0${steady(String(line.facts['reason'] ?? ''))}`;
    const count = this.#count(key);
    const isRepeat = subject.last === identity && count.written > 0;
    subject.last = identity;
    if (isRepeat) this.#countSuppressed(key);
    else if (count.written < CHANGES_MAX) this.#write(line, subject, key);
    else this.#hold(line, subject, key);
    this.#writeHeld();
  }

  /** A line that its level keeps out of the log: what was said before is not the last word any more. */
  pass(line: Line): void {
    const subject = this.#subject(line);
    subject.last = keyOf(line);
    subject.held = undefined;
  }

  #write(line: Line, subject: Subject, key: string): void {
    const leftOut = this.#budget(line.level).take();
    if (leftOut === undefined) {
      this.#hold(line, subject, key);
      return;
    }
    const { write } = this.#options;
    const { level } = line;
    if (leftOut > 0)
      write({ level, message: 'log lines suppressed: limit per minute reached', facts: { lines: leftOut } });
    const repeated = this.#suppressed.get(key) ?? 0;
    this.#suppressed.delete(key);
    this.#count(key).written++;
    subject.held = undefined;
    write(repeated === 0 ? line : { ...line, facts: { ...line.facts, repeated } });
  }

  #hold(line: Line, subject: Subject, key: string): void {
    if (subject.held !== line) this.#countSuppressed(key);
    subject.held = line;
    if (this.#isTimed) return;
    this.#isTimed = true;
    this.#options.after(MINUTE_MS, () => {
      this.#isTimed = false;
      this.#writeHeld();
    });
  }

  /** The last words that were held back and may be written now; the others wait on. */
  #writeHeld(): void {
    for (const subject of this.#subjects.values()) {
      const { held } = subject;
      if (held === undefined) continue;
      const key = keyOf(held);
      if (this.#count(key).written < CHANGES_MAX && this.#budget(held.level).hasRoom()) this.#write(held, subject, key);
      else if (!this.#isTimed) this.#hold(held, subject, key);
    }
  }

  #subject(line: Line): Subject {
    const name = subjectOf(line);
    const known = this.#subjects.get(name);
    if (known !== undefined) return known;
    const subject: Subject = { last: '', held: undefined };
    remember(this.#subjects, name, subject);
    return subject;
  }

  /** Of the present minute. A clock that was set back must not silence a line. */
  #count(key: string): Count {
    const nowMs = this.#options.nowMs();
    const known = this.#counts.get(key);
    const elapsedMs = known === undefined ? MINUTE_MS : nowMs - known.sinceMs;
    if (known !== undefined && elapsedMs >= 0 && elapsedMs < MINUTE_MS) return known;
    const count = { sinceMs: nowMs, written: 0 };
    this.#counts.delete(key);
    remember(this.#counts, key, count);
    return count;
  }

  #countSuppressed(key: string): void {
    remember(this.#suppressed, key, (this.#suppressed.get(key) ?? 0) + 1);
  }

  #budget(level: Line['level']): Budget {
    const budget = this.#budgets.get(level) ?? new Budget(this.#options.nowMs);
    this.#budgets.set(level, budget);
    return budget;
  }
}

function subjectOf({ facts }: Line): string {
  return String(facts['interface'] ?? facts['flowLog'] ?? facts['sink'] ?? '');
}

/** A failure is the same whatever file its sentence names. */
function keyOf(line: Line): string {
  return `${line.level}\0${line.facts['code'] ?? line.message}\0${subjectOf(line)}`;
}

/** A reason without what is different in every answer. */
function steady(reason: string): string {
  return reason.replace(/\(request [^)]*\)/g, '').replace(/[\da-f-]{16,}/gi, '');
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > REMEMBERED_MAX && oldest !== undefined) map.delete(oldest);
}

/** The lines of one level in a minute. */
class Budget {
  readonly #nowMs: () => number;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #lines = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  hasRoom(): boolean {
    return this.#isOver() || this.#lines < LINES_MAX;
  }

  /** Undefined for a line to leave out, else how many were left out in the minutes before. */
  take(): number | undefined {
    this.#lines += 1;
    if (!this.#isOver()) return this.#lines > LINES_MAX ? undefined : 0;
    const leftOut = Math.max(0, this.#lines - 1 - LINES_MAX);
    this.#sinceMs = this.#nowMs();
    this.#lines = 1;
    return leftOut;
  }

  #isOver(): boolean {
    const elapsedMs = this.#nowMs() - this.#sinceMs;
    return !(elapsedMs >= 0 && elapsedMs < MINUTE_MS);
  }
}
