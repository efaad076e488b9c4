/**
 * The ledger on one screen: the equation with its sum, and what was lost in words of its own. Terms of no packets are left out,
 * save the first two.
 *
 *       offered            12,345 packets
 *     = metered            12,000 packets    3.4 MB   in 312 records of 5 windows
 *     + excluded              300 packets   45.1 kB
 *         dhcp                300 packets   45.1 kB  0.0.0.0 > 255.255.255.255 udp/67 (44.0 kB), and 3 more
 *     + not IP                 45 packets    2.7 kB
 */
import { type Ledger, lostPackets, offeredPackets, type Tally } from '../model/ledger.ts';
import { joinText, styled, type Text } from '../terminal/styled-text.ts';
import { padEnd, textWidth } from '../terminal/text-width.ts';
import { visible } from '../terminal/visible-text.ts';
import { largestPeersText } from './excluded-peer.ts';
import { counted, humanBytes, humanCount } from './human.ts';

export interface LedgerTotals {
  readonly records: number;
  readonly windows: number;
}

interface Row {
  readonly label: string;
  readonly packets: number;
  readonly bytes?: number;
  readonly note?: string | undefined;
  readonly loss?: boolean;
}

/** Gaps beyond these are only counted: one screen stays one screen. */
const GAPS_SHOWN = 5;

/**
 * Lines, each with its line feed.
 *
 * @param color whether loss may be stressed with terminal colours, too.
 */
export function formatLedger(ledger: Ledger, totals: LedgerTotals, color: boolean): Text {
  const rows = rowsOf(ledger, totals);
  const labelWidth = Math.max(...rows.map(({ label }) => textWidth(label)));
  const packetsWidth = Math.max(...rows.map(({ packets }) => humanCount(packets).length));
  const bytesWidth = Math.max(...rows.map(({ bytes }) => bytesCell(bytes).length));
  const stress = (text: string) => (color ? styled('red', text) : text);
  const lines = rows.map(({ label, packets, bytes, note, loss }) => {
    const cells = [
      padEnd(label, labelWidth),
      `${humanCount(packets).padStart(packetsWidth)} ${packets === 1 ? 'packet ' : 'packets'}`,
      bytesCell(bytes).padStart(bytesWidth),
    ];
    const text = `${cells.join('  ')}${note === undefined ? '' : `  ${note}`}`.trimEnd();
    return loss === true && packets > 0 ? stress(`${text}  <-- lost`) : text;
  });
  return joinText([...lines, ...lossLines(ledger).map(visible).map(stress), ''], '\n');
}

function rowsOf(ledger: Ledger, totals: LedgerTotals): Row[] {
  const excluded: Tally = { packets: 0, bytes: 0 };
  const rules: Row[] = [];
  for (const [name, tally] of Object.entries(ledger.excluded)) {
    excluded.packets += tally.packets;
    excluded.bytes += tally.bytes;
    rules.push({ label: `      ${visible(name)}`, ...tally, note: largestPeersText(ledger.excludedPeers, name) });
  }
  const note = `in ${counted(totals.records, 'record')} of ${counted(totals.windows, 'window')}`;
  const coarsenedNote = `of about ${counted(ledger.coarsenedKeys, 'flow')} into coarser records`;
  const terms: Row[] = [
    { label: '      coarsened', ...ledger.coarsened, note: coarsenedNote },
    { label: '      rejected', ...ledger.rejected },
    { label: '      evicted', ...ledger.evicted, loss: true },
    { label: '+ excluded', ...excluded },
    ...rules,
    { label: '+ not IP', ...ledger.notIp },
    { label: '+ malformed', ...ledger.malformed },
    { label: '+ overflowed', ...ledger.overflowed, loss: true },
    { label: '+ dropped by kernel', packets: ledger.droppedByKernel, loss: true },
    { label: '+ dropped by interface', packets: ledger.droppedByInterface, loss: true },
  ];
  return [
    { label: '  offered', packets: offeredPackets(ledger) },
    { label: '= metered', ...ledger.metered, note },
    ...terms.filter(({ packets }) => packets > 0),
  ];
}

function bytesCell(bytes: number | undefined): string {
  return bytes === undefined || bytes === 0 ? '' : humanBytes(bytes);
}

function lossLines(ledger: Ledger): string[] {
  const lines: string[] = [];
  const lost = lostPackets(ledger);
  if (lost > 0) {
    const share = ((100 * lost) / offeredPackets(ledger)).toPrecision(2);
    lines.push(`LOST ${counted(lost, 'packet')} (${Number(share)} %) that should be in a record.`);
  }
  if (ledger.rejectsLost > 0) {
    lines.push(`LOST the verdict on ${counted(ledger.rejectsLost, 'packet')}: rejected, and recorded as ACCEPT.`);
  }
  if (ledger.beforeAttach > 0) {
    lines.push(`NOT CAPTURED: ${counted(ledger.beforeAttach, 'packet')} that came before capture began.`);
  }
  for (const gap of ledger.gaps.slice(0, GAPS_SHOWN)) {
    const seconds = Number((gap.toSeconds - gap.fromSeconds).toFixed(3));
    lines.push(`NOT CAPTURING for ${seconds} s from ${timeText(gap.fromSeconds)}: ${gap.reason}.`);
  }
  if (ledger.gaps.length > GAPS_SHOWN) {
    lines.push(`NOT CAPTURING in ${counted(ledger.gaps.length - GAPS_SHOWN, 'more gap')}.`);
  }
  if (ledger.dropsUnknown) lines.push('Drops unknown: the capture engine cannot count all of them.');
  return lines;
}

function timeText(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds}` : date.toISOString();
}
