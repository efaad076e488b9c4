import { columnType, indexType, type Field as SchemaField } from '../../schema/field.ts';
import { FIELDS as SCHEMA_FIELDS } from '../../schema/fields.ts';

/**
 * What a log may carry, by the fields of the schema: those of documented rows and every numeric field have columns of their own,
 * so that searches and sums over them are fast; every other key is stored in one JSON column, `other`.
 *
 * `long` columns hold what is the canonical text of an integer below 2^53; any other text (a `-`, a leading zero) goes
 * to `other`, so that nothing is changed or lost.
 */
export interface Field {
  readonly name: string;
  /** `address`: text that also answers to a prefix such as 10.0.0.0/8. */
  readonly type: 'text' | 'address' | 'long';
}

/** Keys without a column beyond these are kept as well, but SQL cannot name them as columns (the documented index has 300 keys). */
export const OTHER_KEYS_MAX = 300;
/** UTF-8 bytes of such a key; a longer one is one of those beyond. */
export const OTHER_KEY_BYTES_MAX = 256;

/** The type of a key that has no column: its text in `other` is read as this. */
export type OtherType = 'text' | 'long' | 'double';

const FIRST_VERSION = '0.1.0';

const fieldOf = (field: SchemaField): Field => ({
  name: field.name,
  type: field.type === 'address' ? 'address' : indexType(field),
});

/** Fields that have had a column since the first version of the store. */
const FIRST = SCHEMA_FIELDS.filter(({ column }) => column === FIRST_VERSION);
/** Of a later version, behind `other`. What an earlier version stored of them is in `other`. */
const ADDED = SCHEMA_FIELDS.filter(({ column = FIRST_VERSION }) => column !== FIRST_VERSION);

export const ADDED_FIELDS: readonly Field[] = ADDED.map(fieldOf);
export const FIELDS: readonly Field[] = [...FIRST.map(fieldOf), ...ADDED_FIELDS];

export interface StoredColumn {
  readonly name: string;
  readonly type: 'BIGINT' | 'INTEGER' | 'VARCHAR';
}

const columnOf = (field: SchemaField): StoredColumn => ({ name: field.name, type: columnType(field) });

/** The columns of the table `logs`: those of its first version in their order, and those that were added since. */
export const FIRST_COLUMNS: readonly StoredColumn[] = [
  { name: 'package', type: 'BIGINT' },
  { name: 'pkg_log_id', type: 'INTEGER' },
  { name: 'time', type: 'BIGINT' },
  ...FIRST.map(columnOf),
  { name: 'other', type: 'VARCHAR' },
];
export const ADDED_COLUMNS: readonly StoredColumn[] = ADDED.map(columnOf);

/** Numeric keys without a column: other names of fields, and the numbers of ledgers and of excluded peers. */
const OTHER_NAMES: ReadonlySet<string> = new Set(
  SCHEMA_FIELDS.filter((field) => indexType(field) === 'long').flatMap(({ aliases = [] }) => aliases),
);
const OTHER_LONGS = /^(ledger-.+-(packets|bytes|keys)|excluded-(protocol|port|packets|bytes|missed-bytes-max))$/;
const OTHER_DOUBLE = 'ledger-gap-seconds';

export function otherType(key: string): OtherType {
  if (OTHER_NAMES.has(key) || OTHER_LONGS.test(key)) return 'long';
  return key === OTHER_DOUBLE ? 'double' : 'text';
}

/** What the service itself knows of a log, by the names of the documented search. `__TAG__.key` is there beside these. */
export const INTERNAL_FIELDS: readonly Field[] = [
  { name: '__TIMESTAMP__', type: 'long' },
  { name: '__SOURCE__', type: 'text' },
  { name: '__FILENAME__', type: 'text' },
  { name: '__HOSTNAME__', type: 'text' },
  { name: '__PKGID__', type: 'text' },
  { name: '__PKGLOGID__', type: 'long' },
];

export const TAG_PREFIX = '__TAG__.';
