/**
 * The one list of what a log may carry: the fields of documented rows and every numeric field have columns of their own, so
 * that searches and sums over them are fast; every other key is stored in one JSON column, `other`.
 *
 * `long` columns hold what is the canonical text of an integer below 2^53; any other text (a `-`, a leading zero) goes
 * to `other`, so that nothing is changed or lost.
 */
export interface Field {
  readonly name: string;
  /** `address`: text that also answers to a prefix such as 10.0.0.0/8. */
  readonly type: 'text' | 'address' | 'long';
}

/** The type of a key that has no column: its text in `other` is read as this. */
export type OtherType = 'text' | 'long' | 'double';

const text = (name: string): Field => ({ name, type: 'text' });
const address = (name: string): Field => ({ name, type: 'address' });
const long = (name: string): Field => ({ name, type: 'long' });

/** Columns since the first version of the store, in their order. */
const FIRST_FIELDS: readonly Field[] = [
  text('version'),
  text('account-id'),
  text('interface-id'),
  address('srcaddr'),
  address('dstaddr'),
  long('srcport'),
  long('dstport'),
  long('protocol'),
  long('packets'),
  long('bytes'),
  long('start'),
  long('end'),
  text('action'),
  text('log-status'),
  address('pkt-srcaddr'),
  address('pkt-dstaddr'),
  long('pkt-srcport'),
  long('pkt-dstport'),
  text('ccn-id'),
  text('region-id'),
  text('srcregionid'),
  text('dstregionid'),
];

/** Columns of a later version, behind `other`. What an earlier version stored of them is in `other`. */
export const ADDED_FIELDS: readonly Field[] = [
  long('tcp-flags'),
  long('handshake-rtt'),
  long('first'),
  long('last'),
  long('window-start'),
  long('window-end'),
];

export const FIELDS: readonly Field[] = [...FIRST_FIELDS, ...ADDED_FIELDS];

interface StoredColumn {
  readonly name: string;
  readonly type: 'BIGINT' | 'INTEGER' | 'VARCHAR';
}

const columnOf = ({ name, type }: Field): StoredColumn => ({ name, type: type === 'long' ? 'BIGINT' : 'VARCHAR' });

/** The columns of the table `logs`, in their order: those of its first version, and those that were added. */
export const FIRST_COLUMNS: readonly StoredColumn[] = [
  { name: 'package', type: 'BIGINT' },
  { name: 'pkg_log_id', type: 'INTEGER' },
  { name: 'time', type: 'BIGINT' },
  ...FIRST_FIELDS.map(columnOf),
  { name: 'other', type: 'VARCHAR' },
];
export const ADDED_COLUMNS: readonly StoredColumn[] = ADDED_FIELDS.map(columnOf);

/** Numeric keys without a column: other names of fields, and the numbers of ledgers and of excluded peers. */
const OTHER_LONGS =
  /^(tcp_flags|window_start|window_end|ledger-.+-(packets|bytes|keys)|excluded-(protocol|port|packets|bytes|missed-bytes-max))$/;
const OTHER_DOUBLE = 'ledger-gap-seconds';

export function otherType(key: string): OtherType {
  if (OTHER_LONGS.test(key)) return 'long';
  return key === OTHER_DOUBLE ? 'double' : 'text';
}

/** What the service itself knows of a log, by the names of the documented search. `__TAG__.key` is there beside these. */
export const INTERNAL_FIELDS: readonly Field[] = [
  long('__TIMESTAMP__'),
  text('__SOURCE__'),
  text('__FILENAME__'),
  text('__HOSTNAME__'),
  text('__PKGID__'),
  long('__PKGLOGID__'),
];

export const TAG_PREFIX = '__TAG__.';
