/** The records of a batch that stand for its window as a whole, as attributes. */
import { LEDGER_ROWS, type LedgerRow, logKeys } from '../../../schema/ledger-numbers.ts';
import type { BatchHeader } from '../../model/batch-id.ts';
import { type Ledger, logStatus, offeredPackets, type Tally } from '../../model/ledger.ts';
import { type Column, columnsOf } from '../../record/field-columns.ts';
import { type AttributeNames, attributeColumns, isOfResource } from '../../record/otel-attributes.ts';
import { windowRow } from '../../record/row.ts';
import type { Attributes, AttributeValue } from './message.ts';

export const FLOW_EVENT = 'network.flow';
export const LEDGER_EVENT = 'network.flow.ledger';
export const PEER_EVENT = 'network.flow.excluded_peer';

export interface WindowRecord {
  readonly event: string;
  /** Tells it from the others of its batch. */
  readonly suffix: string;
  readonly attributes: Attributes;
}

/** NODATA or SKIPDATA beside the flows, and the ledger where `ledgerLog` asks for it. @param columns under the names of attributes */
export function windowRecords(
  columns: readonly Column[],
  names: AttributeNames,
  header: BatchHeader,
  ledger: Ledger,
  ledgerLog: boolean,
): readonly WindowRecord[] {
  const status = statusRecords(columns, header, ledger);
  if (!ledgerLog) return status;
  const window = identity(header, names);
  const peers = peerAttributes(ledger).map((attributes, index) => ({
    event: PEER_EVENT,
    suffix: `peer-${index}`,
    attributes: [...window, ...attributes],
  }));
  const attributes = [...window, ...ledgerAttributes(ledger)];
  return [...status, ...peers, { event: LEDGER_EVENT, suffix: 'ledger', attributes }];
}

function statusRecords(columns: readonly Column[], header: BatchHeader, ledger: Ledger): readonly WindowRecord[] {
  const row = windowRow(columns, header, logStatus(ledger));
  if (row === undefined) return [];
  const attributes = row.flatMap(([{ label, field }, value]): Attributes => {
    if (value === undefined) return [];
    return [[label, field.type === 'integer' ? Number(value) : value]];
  });
  return [{ event: FLOW_EVENT, suffix: 'status', attributes }];
}

/** Names the window in records that are no flow, whatever the fields of the flows are. */
function identity(header: BatchHeader, names: AttributeNames): Attributes {
  const columns = columnsOf('NETWORKINTERFACE', ['interface-id', 'start', 'end'])!;
  return attributeColumns(columns, names)
    .filter(({ label }) => !isOfResource(label))
    .map(({ label, field }) => {
      const value = field.shared?.(header, 'OK') ?? '';
      return [label, field.type === 'integer' ? Number(value) : value] as const;
    });
}

/** One record for each of the largest peers of an exclusion rule, so that a search for an address finds what no record has. */
function peerAttributes({ excludedPeers }: Ledger): readonly Attributes[] {
  return Object.entries(excludedPeers).flatMap(([rule, { peers }]) =>
    peers.map(
      (peer): Attributes => [
        ['flowlogd.excluded.rule', rule],
        ['flowlogd.excluded.source_address', peer.source],
        ['flowlogd.excluded.destination_address', peer.destination],
        ['flowlogd.excluded.protocol', peer.protocol],
        ['flowlogd.excluded.port', peer.port],
        ['flowlogd.excluded.packets', peer.packets],
        ['flowlogd.excluded.bytes', peer.bytes],
        ['flowlogd.excluded.missed_bytes_max', peer.missedBytesMax],
      ],
    ),
  );
}

/** None is called as an attribute of flows, so that sums over flows do not meet them. */
function ledgerAttributes(ledger: Ledger): Attributes {
  const gapSeconds = ledger.gaps.reduce((sum, gap) => sum + gap.toSeconds - gap.fromSeconds, 0);
  const reasons = [...new Set(ledger.gaps.map((gap) => gap.reason))];
  return [
    ['flowlogd.ledger.status', logStatus(ledger)],
    ['flowlogd.ledger.offered_packets', offeredPackets(ledger)],
    ...LEDGER_ROWS.flatMap((row) => numberAttributes(row, ledger)),
    ...Object.entries(ledger.excluded).flatMap(
      ([rule, tally]): Attributes => [
        [`flowlogd.ledger.excluded.${rule}.packets`, tally.packets],
        [`flowlogd.ledger.excluded.${rule}.bytes`, tally.bytes],
      ],
    ),
    ['flowlogd.ledger.gap_seconds', { double: Math.round(gapSeconds * 1000) / 1000 }],
    ...(reasons.length === 0 ? [] : [['flowlogd.ledger.gap_reasons', reasons.join(',')] as const]),
  ];
}

function numberAttributes(row: LedgerRow, ledger: Ledger): Attributes {
  const values = row.kind === 'tally' ? tallyValues(ledger[row.name]) : [ledger[row.name]];
  return logKeys(row).map((key, index) => [attributeOfKey(key), values[index]!]);
}

function tallyValues({ packets, bytes }: Tally): readonly AttributeValue[] {
  return [packets, bytes];
}

/** `ledger-not-ip-packets` is `flowlogd.ledger.not_ip_packets`. */
function attributeOfKey(key: string): string {
  return `flowlogd.${key.replace('-', '.').replaceAll('-', '_')}`;
}
