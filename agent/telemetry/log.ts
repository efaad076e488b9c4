/**
 * What the agent says about itself: one JSON object a line (pino), levels by consequence.
 *
 *     error   data was or will be lost
 *     warn    it would be soon, if nobody does anything
 *     info    what changed
 *     debug   every window and upload
 *
 * Nothing that goes wrong floods it: a line that repeats within a minute is counted, not written, and its next one says how
 * many there were; and no level but debug, which somebody has asked for, writes more than a few hundred lines a minute.
 *
 * A line is one line of printable characters, whatever is in it. To the journal of systemd it begins with its priority.
 */

import { type DestinationStream, destination, pino } from 'pino';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a line carries beside its message. Keys are camel case, units last. */
export type Facts = Readonly<Record<string, unknown>>;

export interface Log {
  error(message: string, facts?: Facts): void;
  warn(message: string, facts?: Facts): void;
  info(message: string, facts?: Facts): void;
  debug(message: string, facts?: Facts): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** The wall clock, Unix milliseconds. */
  readonly nowMs: () => number;
  /** Standard error when absent, written at once: the line before a crash is the one that counts. */
  readonly destination?: DestinationStream | undefined;
  /** Whether lines begin with the priority of their level, as sd-daemon(3) has it; the journal takes it off again. */
  readonly priorities?: boolean;
}

const REPEAT_MS = 60_000;
/** Of one level; enough for one of each interface that there may be. */
const LINES_MAX = 300;
/** Different lines remembered for their repeats; the oldest is forgotten beyond. */
const REMEMBERED_MAX = 256;
const SECRETS = ['secretKey', 'secretId', 'token', 'authorization', 'Authorization'];

const PRIORITIES = { error: '<3>', warn: '<4>', info: '<6>', debug: '<7>' } as const;

/** What pino leaves as it is though a terminal obeys it, or turns a line's direction: JSON can say it with letters. */
const UNPRINTABLE = /[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function printable(line: string): string {
  return line.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export function createLog(options: LogOptions): Log {
  const { nowMs, priorities = false } = options;
  const out = options.destination ?? destination({ dest: 2, sync: true });
  let priority = '';
  const sink = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date(nowMs()).toISOString()}"`,
      messageKey: 'message',
      errorKey: 'error',
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '(hidden)' },
    },
    { write: (line) => void out.write(priority + printable(line)) },
  );
  const repeats = new Repeats(nowMs);
  const budgets = new Map(LOG_LEVELS.map((level) => [level, new Budget(nowMs)]));
  const write = (level: LogLevel, message: string, facts: Facts): void => {
    if (priorities) priority = PRIORITIES[level];
    sink[level](facts, message);
  };
  const writeBounded = (level: LogLevel, message: string, facts: Facts): void => {
    // A failure is the same whatever file its sentence names.
    const what = `${level}\0${facts['code'] ?? message}\0${facts['interface'] ?? facts['flowLog'] ?? ''}`;
    const repeated = repeats.count(what);
    if (repeated === undefined) return;
    const leftOut = budgets.get(level)!.take();
    if (leftOut === undefined) return;
    if (leftOut > 0) write(level, 'lines were left out, there were too many in a minute', { lines: leftOut });
    write(level, message, repeated === 0 ? facts : { ...facts, repeated });
  };
  const say = (level: LogLevel, message: string, facts: Facts = {}): void => {
    if (!sink.isLevelEnabled(level)) return;
    if (level === 'debug') write(level, message, facts);
    else writeBounded(level, message, facts);
  };
  return {
    error: (message, facts) => say('error', message, facts),
    warn: (message, facts) => say('warn', message, facts),
    info: (message, facts) => say('info', message, facts),
    debug: (message, facts) => say('debug', message, facts),
  };
}

class Repeats {
  readonly #nowMs: () => number;
  /** In the order of their first line. */
  readonly #lines = new Map<string, { readonly sinceMs: number; suppressed: number }>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Undefined for a line to keep back, else how many were kept back before it. */
  count(line: string): number | undefined {
    const known = this.#lines.get(line);
    const elapsedMs = known === undefined ? REPEAT_MS : this.#nowMs() - known.sinceMs;
    // A clock that was set back must not silence a line.
    if (known !== undefined && elapsedMs >= 0 && elapsedMs < REPEAT_MS) {
      known.suppressed += 1;
      return undefined;
    }
    this.#lines.delete(line);
    this.#lines.set(line, { sinceMs: this.#nowMs(), suppressed: 0 });
    const [oldest] = this.#lines.keys();
    if (this.#lines.size > REMEMBERED_MAX && oldest !== undefined) this.#lines.delete(oldest);
    return known?.suppressed ?? 0;
  }
}

/** The lines of one level in a minute. */
class Budget {
  readonly #nowMs: () => number;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #lines = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Undefined for a line to leave out, else how many were left out in the minutes before. */
  take(): number | undefined {
    const nowMs = this.#nowMs();
    const elapsedMs = nowMs - this.#sinceMs;
    this.#lines += 1;
    if (elapsedMs >= 0 && elapsedMs < REPEAT_MS) return this.#lines > LINES_MAX ? undefined : 0;
    const leftOut = Math.max(0, this.#lines - 1 - LINES_MAX);
    this.#sinceMs = nowMs;
    this.#lines = 1;
    return leftOut;
  }
}

/**
 * Whether a stream goes to the journal of systemd, which then says so by the numbers of its file.
 *
 * @param stream what fstat(2) says of it
 */
export function isJournal(
  environment: Readonly<Record<string, string | undefined>>,
  stream: { readonly dev: number; readonly ino: number },
): boolean {
  return environment['JOURNAL_STREAM'] === `${stream.dev}:${stream.ino}`;
}
