/** Groups of flows as lines of a table. */
import { type Column, layOut } from '../record/columns.ts';
import { humanBytes, humanCount } from '../record/human.ts';
import { protocolName } from '../record/protocol-name.ts';
import type { Grouping } from './flow-groups.ts';
import type { GroupRow, SortKey } from './live-view.ts';
import { bitRate } from './rates.ts';
import { markSorted, timeOfDay } from './sorted-columns.ts';

/** Behind the names, up to the bytes. */
const AMOUNTS = 3;

/** @param hasVerdicts whether it is known what the packet filter did */
export function groupLines(
  groups: readonly GroupRow[],
  grouping: Exclude<Grouping, 'flows'>,
  { sort, width, hasVerdicts }: { readonly sort: SortKey; readonly width: number; readonly hasVerdicts: boolean },
): string[] {
  const verdict = hasVerdicts && grouping === 'conversations' ? VERDICT : [];
  return layOut(columnsFor(grouping, sort, verdict), groups, width, NAMES[grouping].length + verdict.length + AMOUNTS);
}

const VERDICT: readonly Column<GroupRow>[] = [
  { title: 'action', cell: ({ isRejected }) => (isRejected ? 'REJECT' : 'ACCEPT') },
  { title: 'rule', shrinks: true, cell: ({ rejectRule }) => rejectRule ?? '' },
];

const NAMES: Readonly<Record<Exclude<Grouping, 'flows'>, readonly Column<GroupRow>[]>> = {
  conversations: [
    { title: 'proto', cell: ({ protocol }) => protocolName(protocol) },
    { title: 'initiator', shrinks: true, stays: true, cell: ({ name }) => name },
    { title: 'responder', shrinks: true, stays: true, cell: ({ other }) => other },
  ],
  hosts: [{ title: 'host', shrinks: true, stays: true, cell: ({ name }) => name }],
  services: [{ title: 'service', shrinks: true, stays: true, cell: ({ name }) => name }],
};

const FLOWS: Column<GroupRow> = { title: 'flows', align: 'right', cell: ({ flows }) => humanCount(flows) };
const HANDSHAKE: Column<GroupRow> = {
  title: 'handshake',
  align: 'right',
  cell: ({ handshakeMicroseconds: time }) => (time === undefined ? '-' : `${(time / 1000).toFixed(1)} ms`),
};

function columnsFor(
  grouping: Exclude<Grouping, 'flows'>,
  sort: SortKey,
  verdict: readonly Column<GroupRow>[],
): Column<GroupRow>[] {
  const columns: Column<GroupRow>[] = [
    ...NAMES[grouping],
    ...verdict,
    { title: 'bit/s', align: 'right', cell: ({ rate }) => bitRate(rate.bytes * 8) },
    {
      title: 'packets',
      align: 'right',
      isSpare: true,
      cell: ({ packets }) => humanCount(packets),
    },
    { title: 'bytes', align: 'right', cell: ({ bytes }) => humanBytes(bytes) },
    ...(grouping === 'conversations' ? [{ title: 'state', cell: ({ state }: GroupRow) => state }] : []),
    { title: 'sent', align: 'right', cell: ({ sent }) => humanBytes(sent.bytes) },
    { title: 'received', align: 'right', cell: ({ received }) => humanBytes(received.bytes) },
    grouping === 'conversations' ? HANDSHAKE : FLOWS,
    { title: 'first', cell: ({ first }) => timeOfDay(first) },
    { title: 'last', cell: ({ last }) => timeOfDay(last) },
  ];
  return markSorted(columns, sort);
}
