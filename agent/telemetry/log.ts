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
import { visibleLines } from '../terminal/visible-text.ts';
import { type Line, LineLimits } from './log-limits.ts';

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
  /** Calls later, for lines that were held back; a timer of the process when absent. */
  readonly after?: (delayMs: number, call: () => void) => void;
}

const SECRETS = ['secretKey', 'secretId', 'token', 'authorization', 'Authorization'];

const PRIORITIES = { error: '<3>', warn: '<4>', info: '<6>', debug: '<7>' } as const;

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
    { write: (line) => void out.write(priority + visibleLines(line)) },
  );
  const write = ({ level, message, facts }: Line): void => {
    if (priorities) priority = PRIORITIES[level];
    sink[level](facts, message);
  };
  const limits = new LineLimits({ nowMs, write, after: options.after ?? later });
  const say = (level: LogLevel, message: string, facts: Facts = {}): void => {
    const line = { level, message, facts };
    if (level === 'debug') write(line);
    else if (sink.isLevelEnabled(level)) limits.say(line);
    else limits.pass(line);
  };
  return {
    error: (message, facts) => say('error', message, facts),
    warn: (message, facts) => say('warn', message, facts),
    info: (message, facts) => say('info', message, facts),
    debug: (message, facts) => say('debug', message, facts),
  };
}

/** A line that was held back is no reason to stay. */
function later(delayMs: number, call: () => void): void {
  setTimeout(call, delayMs).unref();
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
