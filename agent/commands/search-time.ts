/** Times of searches on the command line. */
import type { Invocation } from '../cli/command.ts';
import { OperationalError } from '../model/operational-error.ts';
import { parseSeconds } from '../options/quantity.ts';

/** Unix milliseconds. @throws OperationalError `usage.invalid` */
export function timeOption(command: string, invocation: Invocation, name: string, nowMs: number): number {
  const text = invocation.required(name);
  const time = parseTime(text, nowMs);
  if (time !== undefined) return time;
  throw new OperationalError(
    'usage.invalid',
    `${command}: invalid --${name} '${text}': expected now, an age (15m), an ISO 8601 time (2024-05-01T12:00:00Z) or Unix seconds`,
  );
}

/** Numbers of this size are times; smaller ones with or without a unit are so long ago. */
const UNIX_SECONDS_MIN = 100_000_000;
const UNIX_MILLISECONDS_MIN = 100_000_000_000;

/** Unix milliseconds; undefined when the text is no time. */
export function parseTime(text: string, nowMs: number): number | undefined {
  if (text === 'now') return nowMs;
  if (text === '0') return 0;
  if (/^\d+$/.test(text) && Number(text) >= UNIX_SECONDS_MIN) {
    const number = Number(text);
    return Number.isSafeInteger(number * 1000) ? number * (number < UNIX_MILLISECONDS_MIN ? 1000 : 1) : undefined;
  }
  const ago = parseSeconds(text.replace(/^-/, ''));
  if (ago !== undefined) return nowMs - ago * 1000;
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
