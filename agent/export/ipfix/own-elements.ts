/**
 * The numbers of the elements that are flowlogd's own. A number is never given to another element, and never changes its type: collectors
 * have them in their configuration.
 */
import type { FieldName } from '../../../schema/fields.ts';
import { LEDGER_ROWS, type LedgerRow } from '../../../schema/ledger-numbers.ts';
import { type DataType, elementWord, type InformationElement, ownElement, type Unit } from './information-element.ts';

/** Of fields that all records of an observation domain share. */
export const SHARED_NUMBERS = {
  version: 1,
  'account-id': 2,
  'vpc-id': 3,
  'subnet-id': 4,
  'instance-id': 5,
  region: 6,
  'az-id': 7,
  'ccn-id': 8,
  'region-id': 9,
} as const satisfies Partial<Readonly<Record<FieldName, number>>>;

export const HOST_ID = ownElement(10, 'HostId', 'string');

export const LOG_STATUS = ownElement(40, 'LogStatus', 'string');
export const GAP_MILLISECONDS = ownElement(41, 'GapMilliseconds', 'unsigned64');
export const GAP_REASONS = ownElement(42, 'GapReasons', 'string');
export const EXCLUSION_RULE = ownElement(43, 'ExclusionRule', 'string');
export const EXCLUDED_PACKETS = ownElement(44, 'ExcludedPackets', 'unsigned64', 'packets');
export const EXCLUDED_OCTETS = ownElement(45, 'ExcludedOctets', 'unsigned64', 'octets');
export const OFFERED_PACKETS = ownElement(46, 'OfferedPackets', 'unsigned64', 'packets');

/** Behind it two for each number of a ledger, whose own numbers are never used twice either. */
const LEDGER_BASE = 100;

/** Packets and octets of a tally, the one number of another row. */
export function ledgerElements(row: LedgerRow): readonly InformationElement[] {
  const number = LEDGER_BASE + 2 * row.field;
  const word = `Ledger${elementWord(row.key)}`;
  if (row.kind === 'flag') return [ownElement(number, word, 'boolean')];
  if (row.kind === 'count')
    return [ownElement(number, word, 'unsigned64', row.unit === 'packets' ? 'packets' : 'none')];
  return [
    ownElement(number, `${word}Packets`, 'unsigned64', 'packets'),
    ownElement(number + 1, `${word}Octets`, 'unsigned64', 'octets'),
  ];
}

export function sharedElement(name: keyof typeof SHARED_NUMBERS): InformationElement {
  return ownElement(SHARED_NUMBERS[name], elementWord(name), 'string');
}

/** Of a field of records. */
export function fieldElement(number: number, name: FieldName, type: DataType, unit: Unit = 'none'): InformationElement {
  return ownElement(number, elementWord(name), type, unit);
}

/** All of them but those of records. */
export const OWN_OPTIONS_ELEMENTS: readonly InformationElement[] = [
  ...(Object.keys(SHARED_NUMBERS) as (keyof typeof SHARED_NUMBERS)[]).map(sharedElement),
  HOST_ID,
  LOG_STATUS,
  GAP_MILLISECONDS,
  GAP_REASONS,
  EXCLUSION_RULE,
  EXCLUDED_PACKETS,
  EXCLUDED_OCTETS,
  OFFERED_PACKETS,
  ...LEDGER_ROWS.flatMap(ledgerElements),
];
