/** The fields that a query may name: the documented ones, and the keys that the topic has seen. */
import { FIELDS as SCHEMA_FIELDS } from '../../schema/fields.ts';
import { LEDGER_ROWS, logKeys } from '../../schema/ledger-numbers.ts';
import { INTERNAL_FIELDS, OTHER_KEY_BYTES_MAX, OTHER_KEYS_MAX, otherType, TAG_PREFIX } from '../model/fields.ts';
import type { Condition } from './condition.ts';

/** Known although no log of the topic has them yet. */
export const DOCUMENTED_FIELDS: readonly string[] = [
  'time',
  'other',
  '__TAGS__',
  ...INTERNAL_FIELDS.map(({ name }) => name),
  ...SCHEMA_FIELDS.flatMap(({ name, aliases = [] }) => [name, ...aliases]),
  'ledger-status',
  'ledger-offered-packets',
  'ledger-gap-seconds',
  'ledger-gap-reasons',
  ...LEDGER_ROWS.flatMap((row) => logKeys(row)),
];

/** Letters in which a name may differ from what was meant; one of three at most. */
const DISTANCE_MAX = 3;
/** Of a name that a near one is looked for. */
const LENGTH_MAX = 100;

export class KnownFields {
  readonly names: ReadonlySet<string>;
  /** Whether the topic has no keys but these and long ones. */
  readonly areAll: boolean;

  constructor(otherKeys: readonly string[]) {
    this.names = new Set([...DOCUMENTED_FIELDS, ...otherKeys]);
    this.areAll = otherKeys.length < OTHER_KEYS_MAX;
  }

  has(name: string): boolean {
    return this.names.has(name) || name.startsWith(TAG_PREFIX) || otherType(name) !== 'text';
  }

  /** What none of the topic's logs has, among the keys of a condition. */
  unknownIn(condition: Condition): readonly string[] {
    return this.areAll ? keysOf(condition).filter((key) => !this.has(key) && !isLong(key)) : [];
  }

  /** The name that was probably meant. */
  nearest(name: string): string | undefined {
    const most = Math.min(DISTANCE_MAX, Math.floor(name.length / 3));
    let best: { name: string; distance: number } | undefined;
    for (const known of this.names) {
      if (name.length > LENGTH_MAX || Math.abs(known.length - name.length) > most) continue;
      const distance = editDistance(name.toLowerCase(), known.toLowerCase());
      if (distance <= most && (best === undefined || distance < best.distance)) best = { name: known, distance };
    }
    return best?.name;
  }
}

/** Of those nothing is known. */
function isLong(key: string): boolean {
  return Buffer.byteLength(key) > OTHER_KEY_BYTES_MAX;
}

function keysOf(condition: Condition): readonly string[] {
  switch (condition.kind) {
    case 'all':
      return [];
    case 'and':
    case 'or':
      return condition.parts.flatMap((part) => keysOf(part));
    case 'not':
      return keysOf(condition.part);
    default:
      return condition.key === undefined ? [] : [condition.key];
  }
}

/** Insertions, deletions and replacements of letters that make one of the other (Levenshtein). */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let index = 1; index <= left.length; index++) {
    const next = [index];
    for (let column = 1; column <= right.length; column++) {
      const replaced = row[column - 1]! + (left[index - 1] === right[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[column]! + 1, next[column - 1]! + 1));
    }
    row = next;
  }
  return row[right.length]!;
}
