/** Groups of flows as lines of a table. */
import { type Column, layOut } from '../record/columns.ts';
import { humanBytes, humanCount } from '../record/human.ts';
import { protocolName } from '../record/protocol-name.ts';
import type { Group, Grouping } from './flow-groups.ts';
import type { SortKey } from './live-view.ts';
import { bitRate } from './rates.ts';
import { markSorted, timeOfDay } from './sorted-columns.ts';

/** Up to the bytes. */
const COLUMNS_MIN = 6;

export function groupLines(
  groups: readonly Group[],
  grouping: Exclude<Grouping, 'flows'>,
  sort: SortKey,
  width: number,
): string[] {
  return layOut(columnsFor(grouping, sort), groups, width, COLUMNS_MIN);
}

const NAMES: Readonly<Record<Exclude<Grouping, 'flows'>, readonly Column<Group>[]>> = {
  conversations: [
    { title: 'proto', cell: ({ protocol }) => protocolName(protocol) },
    { title: 'initiator', shrinks: true, stays: true, cell: ({ name }) => name },
    { title: 'responder', shrinks: true, stays: true, cell: ({ other }) => other },
  ],
  hosts: [{ title: 'host', shrinks: true, stays: true, cell: ({ name }) => name }],
  services: [{ title: 'service', shrinks: true, stays: true, cell: ({ name }) => name }],
};

function columnsFor(grouping: Exclude<Grouping, 'flows'>, sort: SortKey): Column<Group>[] {
  const columns: Column<Group>[] = [
    ...NAMES[grouping],
    { title: 'bit/s', align: 'right', cell: ({ rate }) => bitRate(rate.bytes * 8) },
    { title: 'packets', align: 'right', cell: ({ sent, received }) => humanCount(sent.packets + received.packets) },
    { title: 'bytes', align: 'right', cell: ({ sent, received }) => humanBytes(sent.bytes + received.bytes) },
    ...(grouping === 'conversations' ? [{ title: 'state', cell: ({ state }: Group) => state }] : []),
    { title: 'sent', align: 'right', cell: ({ sent }) => humanBytes(sent.bytes) },
    { title: 'received', align: 'right', cell: ({ received }) => humanBytes(received.bytes) },
    { title: 'flows', align: 'right', cell: ({ flows }) => humanCount(flows) },
    { title: 'first', cell: ({ first }) => timeOfDay(first) },
    { title: 'last', cell: ({ last }) => timeOfDay(last) },
  ];
  return markSorted(columns, sort);
}
