/**
 * What the agent says about itself: one JSON object a line (pino), levels by consequence.
 *
 *     error   data was or will be lost
 *     warn    it would be soon, if nobody does anything
 *     info    what changed
 *     debug   every window and upload
 *
 * A line that repeats within a minute is counted, not written; its next line says how many there were.
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
}

const REPEAT_MS = 60_000;
/** Different lines remembered for their repeats; the oldest is forgotten beyond. */
const REMEMBERED_MAX = 256;
const SECRETS = ['secretKey', 'secretId', 'token', 'authorization', 'Authorization'];

export function createLog(options: LogOptions): Log {
  const { nowMs } = options;
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
    options.destination ?? destination({ dest: 2, sync: true }),
  );
  const repeats = new Repeats(nowMs);
  const say = (level: LogLevel, message: string, facts: Facts = {}): void => {
    if (!sink.isLevelEnabled(level)) return;
    const repeated = repeats.count(`${level}\0${message}\0${String(facts['interface'] ?? facts['flowLog'] ?? '')}`);
    if (repeated === undefined) return;
    sink[level](repeated === 0 ? facts : { ...facts, repeated }, message);
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
