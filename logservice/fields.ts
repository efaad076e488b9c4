/**
 * The one list of what a log may carry: flow log fields have columns of their own, so that searches and sums over them are
 * fast; every other key is kept, too, in one JSON column.
 *
 * `long` columns hold what is the canonical text of an integer below 2^53; any other text (a `-`, a leading zero) goes
 * to the JSON column, so that nothing is changed or lost. Names and types: flow log fields of ENI, NAT and CCN records.
 */
export interface Field {
  readonly name: string;
  /** `address`: text that also answers to a prefix such as 10.0.0.0/8. */
  readonly type: 'text' | 'address' | 'long';
}

const text = (name: string): Field => ({ name, type: 'text' });
const address = (name: string): Field => ({ name, type: 'address' });
const long = (name: string): Field => ({ name, type: 'long' });

/** In the order of the columns. */
export const FIELDS: readonly Field[] = [
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
