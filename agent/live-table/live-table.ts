/** The screen of a debug run as lines of text. */
import { lostPackets, offeredPackets } from '../model/ledger.ts';
import { type Column, layOut } from '../record/columns.ts';
import { counted, humanBytes, humanCount } from '../record/human.ts';
import { protocolName } from '../record/protocol-name.ts';
import { tcpFlagLetters } from '../record/table.ts';
import { wrap } from '../record/wrap.ts';
import { joinText, type Style, styled, type Text } from '../terminal/styled-text.ts';
import { cutEnd, padEnd } from '../terminal/text-width.ts';
import { visible } from '../terminal/visible-text.ts';
import { actionOf, type FlowTally, rejectRuleOf } from './flow-tally.ts';
import { groupLines } from './group-table.ts';
import { HELP, type LiveState } from './live-keys.ts';
import type { Row, SortKey, View } from './live-view.ts';
import { bitRate } from './rates.ts';
import { markSorted, timeOfDay } from './sorted-columns.ts';

/** What a screen shows beside the flows. */
export interface LiveContext {
  readonly interfaceNames: readonly string[];
  /** The packet filter is listened to, so that flows are rejected by rules. */
  readonly hasRejects: boolean;
  readonly elapsedSeconds: number;
  /** Undefined when the run is over. */
  readonly secondsLeft: number | undefined;
  /** What else is to be said all the time, a line each: packets written, a daemon beside us. */
  readonly notes: readonly string[];
}

export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
  /** Somebody can press keys. */
  readonly keys: boolean;
}

/** Columns that do not leave before the addresses are cut: up to the bytes. */
const COLUMNS_MIN = 7;
const HEAD_LINES = 4;
const FOOT_LINES = 3;

/** Rows of flows that the terminal has room for. */
export function rowsFor(terminal: Terminal, state: LiveState, context: LiveContext): number {
  const help = state.showsHelp ? helpLines(terminal.columns).length + 1 : 0;
  return Math.max(1, terminal.rows - HEAD_LINES - FOOT_LINES - help - context.notes.length);
}

export function liveLines(
  tally: FlowTally,
  view: View,
  state: LiveState,
  context: LiveContext,
  terminal: Terminal,
): Text[] {
  const paint = painter(terminal.color);
  const cut = (text: string) => cutEnd(visible(text), terminal.columns);
  const [titles = '', ...rows] = tableLines(view, state.choices.sort, context, terminal.columns);
  const lost = lossText(tally);
  const lines = [
    paint('bold', cut(headLine(state, context))),
    cut(ledgerText(tally)),
    lost === '' ? cut('lost: none') : paint('red', cut(lost)),
    ...context.notes.map(cut),
    paint('inverse', padEnd(cut(titles), terminal.columns)),
    ...rows.map((row, index) => paintRow(cut(row), view, index, paint)),
    ...(rows.length === 0 ? [paint('dim', tally.size === 0 ? 'no traffic yet' : 'no flow matches the filter')] : []),
    paint('bold', cut(totalLine(tally, view, rows.length))),
  ];
  if (state.showsHelp) lines.push('', ...helpLines(terminal.columns));
  lines.push(paint('dim', cut(footLine(state, terminal.keys))));
  return lines;
}

/** The flows alone, for the end of a run and for where there is no terminal to draw on. */
export function tableLines(view: View, sort: SortKey, context: LiveContext, width: number): string[] {
  if (view.grouping !== 'flows') return groupLines(view.groups, view.grouping, sort, width);
  const columns = columnsFor(sort, context);
  return layOut(columns, view.rows, width, context.hasRejects ? COLUMNS_MIN + VERDICT.length : COLUMNS_MIN);
}

/** Of flows whose verdicts are known. */
const VERDICT: readonly Column<Row>[] = [
  { title: 'action', cell: ({ flow }) => actionOf(flow.record) },
  { title: 'rule', shrinks: true, cell: ({ flow }) => rejectRuleOf(flow.record) ?? '' },
];

/** The less important a column, the further behind: the last ones leave first on a narrow terminal. */
function columnsFor(sort: SortKey, { interfaceNames, hasRejects }: LiveContext): Column<Row>[] {
  const columns: Column<Row>[] = [
    { title: 'proto', cell: ({ flow }) => protocolName(flow.record.protocol) },
    { title: 'source', shrinks: true, stays: true, cell: ({ source }) => source },
    { title: 'destination', shrinks: true, stays: true, cell: ({ destination }) => destination },
    ...(hasRejects ? VERDICT : []),
    { title: 'bit/s', align: 'right', cell: ({ rate }) => bitRate(rate.bytes * 8) },
    { title: 'pkt/s', align: 'right', cell: ({ rate }) => packetRate(rate.packets) },
    { title: 'packets', align: 'right', cell: ({ flow }) => humanCount(flow.record.packets) },
    { title: 'bytes', align: 'right', cell: ({ flow }) => humanBytes(flow.record.bytes) },
    ...(interfaceNames.length > 1 ? [{ title: 'interface', cell: ({ flow }: Row) => flow.interfaceName }] : []),
    { title: 'flags', cell: ({ flow }) => tcpFlagLetters(flow.record.tcpFlags) },
    { title: 'first', cell: ({ flow }) => timeOfDay(flow.first) },
    { title: 'last', cell: ({ flow }) => timeOfDay(flow.last) },
  ];
  return markSorted(columns, sort);
}

function headLine(state: LiveState, { interfaceNames, elapsedSeconds, secondsLeft }: LiveContext): string {
  const left = secondsLeft === undefined ? '' : `, ${clock(secondsLeft)} left`;
  const paused = state.paused ? '  PAUSED' : '';
  return `flowlogd debug  ${interfaceNames.join(', ')}  ${clock(elapsedSeconds)}${left}${paused}`;
}

export function ledgerText({ ledger }: FlowTally): string {
  const excluded = Object.values(ledger.excluded).reduce((sum, { packets }) => sum + packets, 0);
  const parts = [`metered ${humanCount(ledger.metered.packets)}`];
  if (excluded > 0) parts.push(`excluded ${humanCount(excluded)}`);
  if (ledger.notIp.packets > 0) parts.push(`not IP ${humanCount(ledger.notIp.packets)}`);
  if (ledger.malformed.packets > 0) parts.push(`malformed ${humanCount(ledger.malformed.packets)}`);
  if (lostPackets(ledger) > 0) parts.push(`lost ${humanCount(lostPackets(ledger))}`);
  return `packets: offered ${humanCount(offeredPackets(ledger))} = ${parts.join(' + ')}`;
}

/** Empty when nothing was lost. */
export function lossText({ ledger }: FlowTally): string {
  const parts: string[] = [];
  if (ledger.droppedByKernel > 0) parts.push(`${humanCount(ledger.droppedByKernel)} by the kernel (ring full)`);
  if (ledger.droppedByInterface > 0) parts.push(`${humanCount(ledger.droppedByInterface)} by the interface`);
  if (ledger.overflowed.packets > 0) parts.push(`${humanCount(ledger.overflowed.packets)} over a limit`);
  if (ledger.gaps.length > 0) parts.push(counted(ledger.gaps.length, 'gap'));
  if (ledger.dropsUnknown) parts.push('drops unknown (engine)');
  return parts.length === 0 ? '' : `LOST: ${parts.join(', ')}`;
}

export function totalLine(tally: FlowTally, view: View, shown: number): string {
  const forgotten = tally.forgotten === 0 ? '' : `, ${humanCount(tally.forgotten)} small ones evicted`;
  const isGrouped = view.grouping !== 'flows';
  const count = isGrouped ? view.groupCount : view.flows;
  const more = count > shown ? ` (${humanCount(count - shown)} not shown${forgotten})` : forgotten;
  const groups = isGrouped ? `${humanCount(count)} ${view.grouping}${more} of ` : '';
  const rates = `${bitRate(view.rate.bytes * 8)}bit/s, ${packetRate(view.rate.packets)} pkt/s`;
  return `total: ${groups}${counted(view.flows, 'flow')}${isGrouped ? '' : more}, ${counted(view.packets, 'packet')}, ${humanBytes(view.bytes)}; ${rates}`;
}

function footLine({ typing, choices }: LiveState, hasKeys: boolean): string {
  if (!hasKeys) return 'Ctrl-C quits';
  if (typing !== undefined) return `filter: ${typing}_   Enter applies, Esc cancels`;
  const filter = choices.filter === '' ? '' : `filter: ${choices.filter}   `;
  return `${filter}? keys   / filter   b p r f l sort   g group   n names   space pause   q quit`;
}

function helpLines(width: number): string[] {
  return HELP.flatMap(([key, does]) =>
    wrap(does, width - 8).map((text, index) => `${(index === 0 ? key : '').padEnd(7)} ${text}`),
  );
}

function packetRate(packets: number): string {
  return packets > 0 && packets < 10 ? packets.toFixed(1) : humanCount(Math.round(packets));
}

/** `0:07`, `1:02:03`. */
function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, '0');
  return hours === 0 ? `${minutes}:${rest}` : `${hours}:${String(minutes).padStart(2, '0')}:${rest}`;
}

/** What is rejected stands out with its whole row: on a narrow terminal there is no room for the column. */
function paintRow(text: string, { rows, groups }: View, index: number, paint: Paint): Text {
  const row = rows[index];
  const isRejected = row === undefined ? groups[index]!.isRejected : actionOf(row.flow.record) === 'REJECT';
  if (isRejected) return paint('red', text);
  const at = text.search(/ ACCEPT\b/);
  if (at < 0) return text;
  const end = at + ' ACCEPT'.length;
  return joinText([text.slice(0, at), paint('green', text.slice(at, end)), text.slice(end)]);
}

type Paint = (style: Style, text: string) => Text;

function painter(color: boolean): Paint {
  return (style, text) => (color ? styled(style, text) : text);
}
