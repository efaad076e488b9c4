/** Times of searches on the command line. */
import type { Invocation, OptionSpec } from '../cli/command.ts';
import { OperationalError } from '../model/operational-error.ts';
import { WINDOW_SECONDS_MAX } from '../model/window-bounds.ts';
import { parseSeconds } from '../options/quantity.ts';

/** The same names wherever a time is chosen. */
export const SINCE_NAMES = {
  name: 'since',
  aliases: ['last', 'from'],
  value: 'TIME',
} as const satisfies Partial<OptionSpec>;
export const UNTIL_NAMES = { name: 'until', aliases: ['to'], value: 'TIME' } as const satisfies Partial<OptionSpec>;

/** Of a command that searches records. */
export const TIME_OPTIONS: readonly OptionSpec[] = [
  { ...SINCE_NAMES, default: '15m', description: 'Earliest time. Also --last and --from.' },
  {
    ...UNTIL_NAMES,
    description: 'Latest time. Also --to. Default: no limit, to include the open window.',
  },
];

/** Of `TIME_OPTIONS`, in Unix milliseconds. The time of a record is the end of its window. */
export function searchTimes(command: string, invocation: Invocation, nowMs: number): { fromMs: number; toMs: number } {
  return {
    fromMs: timeOption(command, invocation, 'since', nowMs),
    toMs: invocation.has('until') ? timeOption(command, invocation, 'until', nowMs) : nowMs + WINDOW_SECONDS_MAX * 1000,
  };
}

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
