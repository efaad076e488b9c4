/** The screen of a debug run as lines of text. */
import { lostPackets, offeredPackets } from '../model/ledger.ts';
import { counted, humanCount } from '../record/human.ts';
import { wrap } from '../record/wrap.ts';
import { joinText, type Style, styled, type Text } from '../terminal/styled-text.ts';
import { cutEnd, padEnd, textWidth } from '../terminal/text-width.ts';
import { visible } from '../terminal/visible-text.ts';
import { actionOf } from './flow-key.ts';
import { fittingParts, type TableContext, tableLines, totalLine } from './flow-table.ts';
import type { FlowTally } from './flow-tally.ts';
import { HELP, type LiveState } from './live-keys.ts';
import type { View } from './live-view.ts';

/** What a screen shows beside the flows. */
export interface LiveContext extends TableContext {
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

/** The lines of the body, in place of the table. */
export interface Page {
  readonly title: string;
  readonly lines: readonly string[];
}

/** Titles and a few rows: before there are fewer, lines around them leave. */
const BODY_LINES_MIN = 4;
/** Head, ledger, losses, total, keys. */
const AROUND_LINES = 5;
const HELP_KEYS_WIDTH = 19;
const HELP_WIDTH_MIN = 24;

/** Rows of the table, or lines of a page, that the terminal has room for below its titles. */
export function rowsFor({ rows }: Terminal, { notes }: LiveContext): number {
  const body = rows - linesAround(rows, notes.length);
  return Math.max(1, body - titleLines(body));
}

function linesAround(rows: number, notes: number): number {
  return Math.max(0, Math.min(AROUND_LINES + notes, rows - BODY_LINES_MIN));
}

function titleLines(body: number): number {
  return body > 1 ? 1 : 0;
}

/** A line above or below the body; the lower its rank, the longer it stays where there is little room. */
interface Around {
  readonly rank: number;
  readonly isBelow: boolean;
  readonly line: Text;
}

/** As many lines as the terminal has rows, none longer than it is wide. @param page shown in place of the table */
export function liveLines(
  tally: FlowTally,
  view: View,
  state: LiveState,
  context: LiveContext,
  terminal: Terminal,
  page?: Page,
): Text[] {
  const { rows } = terminal;
  const all = aroundLines(tally, view, state, context, terminal, page);
  const staying = new Set(
    all.toSorted((left, right) => left.rank - right.rank).slice(0, linesAround(rows, context.notes.length)),
  );
  const around = all.filter((each) => staying.has(each));
  const lines = (isBelow: boolean) => around.filter((each) => each.isBelow === isBelow).map(({ line }) => line);
  const room = rows - around.length;
  const body = page === undefined ? tableBody(tally, view, state, context, terminal) : pageBody(page, state, terminal);
  const shown = titleLines(room) === 0 ? body.slice(1) : body;
  const filled = Array.from({ length: room }, (_, index) => shown[index] ?? '');
  return [...lines(false), ...filled, ...lines(true)];
}

function aroundLines(
  tally: FlowTally,
  view: View,
  state: LiveState,
  context: LiveContext,
  terminal: Terminal,
  page: Page | undefined,
): readonly Around[] {
  const { columns, color } = terminal;
  const shown = view.rows.length + view.groups.length;
  const inSight =
    page === undefined
      ? { offset: view.offset, shown, count: view.count }
      : { offset: state.pageOffset, shown: rowsFor(terminal, context), count: page.lines.length };
  const paint = painter(color);
  const cut = (text: string) => cutEnd(visible(text), columns);
  const loss = lossText(tally);
  const above = (rank: number, line: Text) => ({ rank, isBelow: false, line });
  const below = (rank: number, line: Text) => ({ rank, isBelow: true, line });
  return [
    above(2, paint('bold', headLine(state, context, inSight, columns))),
    above(5, cut(ledgerText(tally))),
    loss === '' ? above(6, cut('lost: none')) : above(1, paint('red', cut(loss))),
    ...context.notes.map((note) => above(4, cut(note))),
    below(3, paint('bold', cut(totalLine(tally, view, columns)))),
    below(0, paint('dim', cut(footLine(state, terminal)))),
  ];
}

function tableBody(tally: FlowTally, view: View, state: LiveState, context: LiveContext, terminal: Terminal): Text[] {
  const { columns, color } = terminal;
  const paint = painter(color);
  const { selected, index: selectedIndex } = state.place;
  // Without colours the selected row has a mark in front of it.
  const mark = (isSelected: boolean) => (color || selected === undefined ? '' : isSelected ? '> ' : '  ');
  const cut = (text: string) => cutEnd(visible(text), columns);
  const [titles = '', ...rows] = tableLines(view, state.choices.sort, context, columns - mark(false).length);
  const title = paint('inverse', padEnd(cut(mark(false) + titles), columns));
  if (rows.length === 0) return [title, paint('dim', cut(emptyText(tally, view)))];
  return [
    title,
    ...rows.map((row, index) => {
      const isSelected = selected !== undefined && view.offset + index === selectedIndex;
      const text = cut(mark(isSelected) + row);
      if (isSelected && color) return paint('inverse', paintRow(padEnd(text, columns), view, index, paint, true));
      return paintRow(text, view, index, paint, false);
    }),
  ];
}

function emptyText(tally: FlowTally, { flows }: View): string {
  if (tally.size === 0) return 'no traffic yet';
  return flows === 0 ? 'no flow matches the filter' : 'all flows are finished, and hidden';
}

function pageBody({ title, lines }: Page, { pageOffset }: LiveState, { columns, color }: Terminal): Text[] {
  const cut = (text: string) => cutEnd(visible(text), columns);
  return [painter(color)('inverse', padEnd(cut(title), columns)), ...lines.slice(pageOffset).map(cut)];
}

interface InSight {
  readonly offset: number;
  readonly shown: number;
  readonly count: number;
}

/** With what of the body is in sight, where there is more of it and room to say so. */
function headLine(state: LiveState, context: LiveContext, { offset, shown, count }: InSight, width: number): string {
  const { interfaceNames, elapsedSeconds, secondsLeft } = context;
  const left = secondsLeft === undefined ? '' : `, ${clock(secondsLeft)} left`;
  const paused = state.paused ? '  PAUSED' : '';
  const head = visible(`flowlogd debug  ${interfaceNames.join(', ')}  ${clock(elapsedSeconds)}${left}${paused}`);
  const range = `${humanCount(offset + 1)}-${humanCount(Math.min(offset + shown, count))} of ${humanCount(count)}`;
  const spare = width - textWidth(head) - range.length;
  return count > shown && spare >= 2 ? `${head}${' '.repeat(spare)}${range}` : cutEnd(head, width);
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

function footLine({ typing, choices, page }: LiveState, { keys, columns }: Terminal): string {
  if (!keys) return 'Ctrl-C quits';
  if (typing !== undefined)
    return fittingParts([typedFilter(typing, columns), '   Enter applies, Esc cancels'], columns);
  if (page !== undefined) return fittingParts(['Esc back', '   up down scroll', '   q quit'], columns);
  const filter = choices.filter === '' ? '' : `filter: ${choices.filter}   `;
  const finished = choices.hidesFinished ? 'x show finished' : 'x hide finished';
  const parts = [
    '? keys',
    '   q quit',
    '   / filter',
    '   g group',
    '   Enter details',
    `   ${finished}`,
    '   space pause',
  ];
  return filter + fittingParts(parts, columns - textWidth(filter));
}

/** Its end, where there is no room for all of it. */
function typedFilter(text: string, columns: number): string {
  const whole = `filter: ${text}_`;
  return textWidth(whole) <= columns ? whole : `…${[...whole].slice(1 - columns).join('')}`;
}

/** All keys; in front of what they do, or above it. */
export function helpPage({ columns }: Terminal): Page {
  const width = columns - HELP_KEYS_WIDTH - 1;
  const lines = HELP.flatMap(([keys, does]) => {
    if (width < HELP_WIDTH_MIN) return [keys, ...wrap(does, columns - 2).map((text) => `  ${text}`)];
    return wrap(does, width).map((text, index) => `${(index === 0 ? keys : '').padEnd(HELP_KEYS_WIDTH)} ${text}`);
  });
  return { title: 'keys', lines };
}

/** `0:07`, `1:02:03`. */
function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, '0');
  return hours === 0 ? `${minutes}:${rest}` : `${hours}:${String(minutes).padStart(2, '0')}:${rest}`;
}

/** What is rejected stands out with its whole row: on a narrow terminal there is no room for the column. */
function paintRow(text: string, { rows, groups }: View, index: number, paint: Paint, isWhole: boolean): Text {
  const row = rows[index];
  const isRejected = row === undefined ? groups[index]!.isRejected : actionOf(row.flow.record) === 'REJECT';
  if (isRejected) return paint('red', text);
  const at = isWhole ? -1 : text.search(/ ACCEPT\b/);
  if (at < 0) return text;
  const end = at + ' ACCEPT'.length;
  return joinText([text.slice(0, at), paint('green', text.slice(at, end)), text.slice(end)]);
}

type Paint = (style: Style, text: Text) => Text;

function painter(color: boolean): Paint {
  return (style, text) => (color ? styled(style, text) : text);
}
