/** Flows, or groups of them, as lines of a table, and their sums as a line. */
import { type Column, layOut } from '../record/columns.ts';
import { counted, humanBytes, humanCount } from '../record/human.ts';
import { protocolName } from '../record/protocol-name.ts';
import { tcpFlagLetters } from '../record/table.ts';
import { actionOf, rejectRuleOf } from './flow-key.ts';
import type { FlowTally } from './flow-tally.ts';
import { groupLines } from './group-table.ts';
import type { Row, SortKey, View } from './live-view.ts';
import { bitRate, packetRate } from './rates.ts';
import { markSorted, timeOfDay } from './sorted-columns.ts';

export interface TableContext {
  readonly interfaceNames: readonly string[];
  /** The packet filter is listened to, so that flows are rejected by rules. */
  readonly hasRejects: boolean;
}

/** Columns that do not leave before the addresses are cut: up to the bytes. */
const COLUMNS_MIN = 7;

/** A line of titles, and one for each row of the view. */
export function tableLines(view: View, sort: SortKey, context: TableContext, width: number): string[] {
  const { hasRejects } = context;
  if (view.grouping !== 'flows') {
    return groupLines(view.groups, view.grouping, { sort, width, hasVerdicts: hasRejects });
  }
  const columns = columnsFor(sort, context);
  return layOut(columns, view.rows, width, hasRejects ? COLUMNS_MIN + VERDICT.length : COLUMNS_MIN);
}

/** Of flows whose verdicts are known. */
const VERDICT: readonly Column<Row>[] = [
  { title: 'action', cell: ({ flow }) => actionOf(flow.record) },
  { title: 'rule', shrinks: true, cell: ({ flow }) => rejectRuleOf(flow.record) ?? '' },
];

/** The less important a column, the further behind: the last ones leave first on a narrow terminal. */
function columnsFor(sort: SortKey, { interfaceNames, hasRejects }: TableContext): Column<Row>[] {
  const columns: Column<Row>[] = [
    { title: 'proto', cell: ({ flow }) => protocolName(flow.record.protocol) },
    { title: 'source', shrinks: true, stays: true, cell: ({ source }) => source },
    { title: 'destination', shrinks: true, stays: true, cell: ({ destination }) => destination },
    ...(hasRejects ? VERDICT : []),
    { title: 'bit/s', align: 'right', cell: ({ rate }) => bitRate(rate.bytes * 8) },
    { title: 'pkt/s', align: 'right', isSpare: true, cell: ({ rate }) => packetRate(rate.packets) },
    { title: 'packets', align: 'right', isSpare: true, cell: ({ flow }) => humanCount(flow.record.packets) },
    { title: 'bytes', align: 'right', cell: ({ flow }) => humanBytes(flow.record.bytes) },
    ...(interfaceNames.length > 1 ? [{ title: 'interface', cell: ({ flow }: Row) => flow.interfaceName }] : []),
    { title: 'flags', cell: ({ flow }) => tcpFlagLetters(flow.record.tcpFlags) },
    { title: 'first', cell: ({ flow }) => timeOfDay(flow.first) },
    { title: 'last', cell: ({ flow }) => timeOfDay(flow.last) },
  ];
  return markSorted(columns, sort);
}

/** Where there is no room for all of it the last parts leave, whole. */
export function totalLine(tally: FlowTally, view: View, width = Number.POSITIVE_INFINITY): string {
  const { grouping, count, finished } = view;
  const groups = grouping === 'flows' ? '' : `${humanCount(count)} ${grouping} of `;
  const unlisted = [
    ...(finished === 0 ? [] : [`${humanCount(finished)} finished hidden`]),
    ...(tally.forgotten === 0 ? [] : [`${humanCount(tally.forgotten)} small ones evicted`]),
  ];
  return fittingParts(
    [
      `total: ${groups}${counted(view.flows, 'flow')}`,
      unlisted.length === 0 ? '' : ` (${unlisted.join(', ')})`,
      `, ${counted(view.packets, 'packet')}`,
      `, ${humanBytes(view.bytes)}`,
      `; ${bitRate(view.rate.bytes * 8)}bit/s`,
      `, ${packetRate(view.rate.packets)} pkt/s`,
    ],
    width,
  );
}

/** As many of the parts as fit, the first at least. */
export function fittingParts(parts: readonly string[], width: number): string {
  return parts.reduce((line, part) => (line.length + part.length <= width ? line + part : line));
}
