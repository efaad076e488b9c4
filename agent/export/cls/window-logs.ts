/** The logs of a batch that stand for its window as a whole, as contents. */
import { formerLogKeys, LEDGER_ROWS, type LedgerRow, logKeys, tallyKeys } from '../../../schema/ledger-numbers.ts';
import type { BatchHeader } from '../../model/batch-id.ts';
import { type Ledger, logStatus, offeredPackets, type Tally } from '../../model/ledger.ts';
import { type Column, columnsOf } from '../../record/field-columns.ts';
import { windowRow } from '../../record/row.ts';
import type { RowContext } from '../../record/row-context.ts';
import { type Contents, indexable } from './message.ts';

/** NODATA or SKIPDATA beside the flows, and the ledger where `ledgerLog` asks for it. */
export function windowLogs(
  columns: readonly Column[],
  header: BatchHeader,
  ledger: Ledger,
  ledgerLog: boolean,
): readonly Contents[] {
  const row = windowRow(columns, header, logStatus(ledger))?.flatMap(
    ([{ label }, value]): Contents => (value === undefined ? [] : [[label, value]]),
  );
  const rows = row === undefined ? [] : [row];
  if (!ledgerLog) return rows;
  const window = identity(header);
  return [...rows, ...peerRows(ledger).map((row) => [...window, ...row]), [...window, ...ledgerContents(ledger)]];
}

/** A log for each of the largest peers of an exclusion rule, so that a search for an address finds what no record has. */
function peerRows({ excludedPeers }: Ledger): Contents[] {
  return Object.entries(excludedPeers).flatMap(([rule, { peers }]) =>
    peers.map(
      (peer): Contents => [
        ['excluded-rule', rule],
        ['excluded-srcaddr', peer.source],
        ['excluded-dstaddr', peer.destination],
        ['excluded-protocol', String(peer.protocol)],
        ['excluded-port', String(peer.port)],
        ['excluded-packets', String(peer.packets)],
        ['excluded-bytes', String(peer.bytes)],
        ['excluded-missed-bytes-max', String(peer.missedBytesMax)],
      ],
    ),
  );
}

const IDENTITY = columnsOf('NETWORKINTERFACE', ['version', 'account-id', 'interface-id', 'start', 'end'])!;

/** Names the window in its ledger's log, whatever the fields of its records are. */
function identity(context: RowContext): Contents {
  return IDENTITY.map(({ label, field }) => [label, field.shared?.(context, 'OK') ?? '']);
}

/** The ledger's own fields; none is called as a field of the flows, so that sums over flows do not meet them. */
function ledgerContents(ledger: Ledger): Contents {
  const gapSeconds = ledger.gaps.reduce((sum, gap) => sum + gap.toSeconds - gap.fromSeconds, 0);
  const reasons = [...new Set(ledger.gaps.map((gap) => gap.reason))];
  return [
    ['ledger-status', logStatus(ledger)],
    ['ledger-offered-packets', String(offeredPackets(ledger))],
    ...LEDGER_ROWS.flatMap((row) => numberContents(row, ledger)),
    ...Object.entries(ledger.excluded).flatMap(([rule, tally]) =>
      pairs(tallyKeys(`excluded-${indexable(rule)}`), tallyValues(tally)),
    ),
    ['ledger-gap-seconds', String(Math.round(gapSeconds * 1000) / 1000)],
    ...(reasons.length === 0 ? [] : [['ledger-gap-reasons', reasons.join(',')] as const]),
  ];
}

function numberContents(row: LedgerRow, ledger: Ledger): Contents {
  const values = row.kind === 'tally' ? tallyValues(ledger[row.name]) : [String(ledger[row.name])];
  return [logKeys(row), formerLogKeys(row)].flatMap((keys) => pairs(keys, values));
}

function tallyValues({ packets, bytes }: Tally): readonly string[] {
  return [String(packets), String(bytes)];
}

function pairs(keys: readonly string[], values: readonly string[]): Contents {
  return keys.map((key, index) => [key, values[index]!]);
}
