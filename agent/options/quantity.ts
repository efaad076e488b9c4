/** Quantities as people write them: durations and sizes. Whole numbers only: a fraction of a second or a byte is a typo. */

const SECONDS_BY_UNIT: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };
const BYTES_BY_UNIT: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** What a duration may look like, for messages. */
export const DURATION_FORMS = 'whole seconds (60), or 10s, 5m, 1h, 7d';
/** What a size may look like, for messages. */
export const SIZE_FORMS = 'whole bytes (4096), or 512KiB, 64MiB, 1GiB';

/** Seconds of '60', '10s', '5m', '1h' or '7d'; undefined for anything else. */
export function parseSeconds(text: string): number | undefined {
  return parseQuantity(text, SECONDS_BY_UNIT);
}

/** Bytes of '4096', '512KiB', '64MiB' or '1GiB'; undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  return parseQuantity(text, BYTES_BY_UNIT);
}

/** A whole number; undefined for anything else. */
export function parseInteger(text: string): number | undefined {
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** '5m' of 300: the largest unit that divides it. */
export function formatSeconds(seconds: number): string {
  return formatQuantity(seconds, SECONDS_BY_UNIT, ['d', 'h', 'm'], 's');
}

/** '64MiB' of 67108864: the largest unit that divides it. */
export function formatBytes(bytes: number): string {
  return formatQuantity(bytes, BYTES_BY_UNIT, ['TiB', 'GiB', 'MiB', 'KiB'], 'B');
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+) ?([A-Za-z]*)$/.exec(text);
  if (match === null) return undefined;
  const unit = match[2] ?? '';
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  const value = factor === undefined ? Number.NaN : Number(match[1]) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}

function formatQuantity(
  value: number,
  units: Readonly<Record<string, number>>,
  larger: readonly string[],
  smallest: string,
): string {
  const unit = larger.find((name) => value !== 0 && value % (units[name] ?? 1) === 0) ?? smallest;
  return `${value / (units[unit] ?? 1)}${unit}`;
}
