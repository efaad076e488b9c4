/** How complete the records of some time are, from the ledgers of its windows: what an answer over them is worth. */
import { LEDGER_ROWS, logKeys } from '../../schema/ledger-numbers.ts';
import type { Cell } from '../model/search.ts';

export interface Completeness {
  /** With a ledger in the log service. */
  readonly windows: number;
  /** Of which packets are missing, or may be. */
  readonly incompleteWindows: number;
  /** Packets that the interfaces had for the capture. */
  readonly offeredPackets: number;
  /** Those that should be in a record and are not. */
  readonly lostPackets: number;
  readonly gapSeconds: number;
}

const LOST_KEYS = LEDGER_ROWS.filter(({ isLoss }) => isLoss).map((row) => logKeys(row)[0]!);

/** One row, of numbers in the order of `Completeness`. */
export const COMPLETENESS_QUERY =
  'ledger-status:* | select count(*) as windows, ' +
  `sum(case when "ledger-status" = 'SKIPDATA' then 1 else 0 end) as incomplete, sum("ledger-offered-packets") as offered, ` +
  `sum(${LOST_KEYS.map((key) => `coalesce("${key}", 0)`).join(' + ')}) as lost, sum("ledger-gap-seconds") as gaps`;

export function completenessOf(row: readonly Cell[] = []): Completeness {
  const [windows = 0, incompleteWindows = 0, offeredPackets = 0, lostPackets = 0, gapSeconds = 0] = row.map(Number);
  return { windows, incompleteWindows, offeredPackets, lostPackets, gapSeconds };
}

/** A sentence, without a full stop. */
export function completenessText({
  windows,
  incompleteWindows,
  offeredPackets,
  lostPackets,
  gapSeconds,
}: Completeness): string {
  const all = `${count(windows, 'window')} with ${count(offeredPackets, 'packet')}`;
  if (windows === 0) return 'Completeness unknown: no ledger of that time is in the log service';
  if (incompleteWindows === 0) return `Complete: ${all}, none lost`;
  const share = ((100 * lostPackets) / Math.max(1, offeredPackets)).toFixed(2);
  const gaps = gapSeconds > 0 ? `, ${gapSeconds.toFixed(1)} s not captured` : '';
  return `Incomplete: ${incompleteWindows} of ${all}; ${count(lostPackets, 'packet')} lost (${share} %)${gaps}`;
}

function count(number: number, unit: string): string {
  return `${number.toLocaleString('en-US')} ${unit}${number === 1 ? '' : 's'}`;
}
