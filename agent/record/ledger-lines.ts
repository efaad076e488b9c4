/** The ledger of a window as lines of JSON beside its records: one object for each of the largest excluded peers, and one for the ledger. */
import { LEDGER_ROWS, type LedgerRow, logKeys, tallyKeys } from '../../schema/ledger-numbers.ts';
import type { BatchHeader } from '../model/batch-id.ts';
import { type Ledger, logStatus, offeredPackets, type Tally } from '../model/ledger.ts';
import { visible } from '../terminal/visible-text.ts';
import { template } from './ascii.ts';

type Value = string | number | boolean;
type Entries = readonly (readonly [key: string, value: Value])[];

/** None has a key of a flow's row but those that name the window, so that sums over flows do not meet them. */
export function ledgerLines(header: BatchHeader, ledger: Ledger): Uint8Array {
  const window = windowEntries(header);
  const lines = [...peerEntries(ledger), ledgerEntries(ledger)].map((own) => jsonLine([...window, ...own]));
  return template(lines.join(''));
}

function jsonLine(entries: Entries): string {
  return `${visible(JSON.stringify(Object.fromEntries(entries)))}\n`;
}

function windowEntries({ flowLogId, accountId, interfaceId, windowStart, windowSeconds }: BatchHeader): Entries {
  return [
    ['flow-log-id', flowLogId],
    ['account-id', accountId],
    ['interface-id', interfaceId],
    ['start', windowStart],
    ['end', windowStart + windowSeconds],
  ];
}

function peerEntries({ excludedPeers }: Ledger): readonly Entries[] {
  return Object.entries(excludedPeers).flatMap(([rule, { peers }]) =>
    peers.map(
      (peer): Entries => [
        ['excluded-rule', rule],
        ['excluded-srcaddr', peer.source],
        ['excluded-dstaddr', peer.destination],
        ['excluded-protocol', peer.protocol],
        ['excluded-port', peer.port],
        ['excluded-packets', peer.packets],
        ['excluded-bytes', peer.bytes],
        ['excluded-missed-bytes-max', peer.missedBytesMax],
      ],
    ),
  );
}

function ledgerEntries(ledger: Ledger): Entries {
  const gapSeconds = ledger.gaps.reduce((sum, gap) => sum + gap.toSeconds - gap.fromSeconds, 0);
  const reasons = [...new Set(ledger.gaps.map((gap) => gap.reason))];
  return [
    ['ledger-status', logStatus(ledger)],
    ['ledger-offered-packets', offeredPackets(ledger)],
    ...LEDGER_ROWS.flatMap((row) => numberEntries(row, ledger)),
    ...Object.entries(ledger.excluded).flatMap(([rule, tally]) =>
      pairs(tallyKeys(`excluded-${rule}`), tallyValues(tally)),
    ),
    ['ledger-gap-seconds', Math.round(gapSeconds * 1000) / 1000],
    ...(reasons.length === 0 ? [] : [['ledger-gap-reasons', reasons.join(',')] as const]),
  ];
}

function numberEntries(row: LedgerRow, ledger: Ledger): Entries {
  return pairs(logKeys(row), row.kind === 'tally' ? tallyValues(ledger[row.name]) : [ledger[row.name]]);
}

function tallyValues({ packets, bytes }: Tally): readonly Value[] {
  return [packets, bytes];
}

function pairs(keys: readonly string[], values: readonly Value[]): Entries {
  return keys.map((key, index) => [key, values[index]!]);
}
