/** What the tables of flows and of groups have in common. */
import type { Column } from '../record/columns.ts';
import type { SortKey } from './live-view.ts';

const SORTED_COLUMN: Readonly<Record<SortKey, string>> = {
  bytes: 'bytes',
  packets: 'packets',
  rate: 'bit/s',
  first: 'first',
  last: 'last',
};

/** The column that rows are sorted by has a mark, and stays on a narrow terminal. */
export function markSorted<Row>(columns: readonly Column<Row>[], sort: SortKey): Column<Row>[] {
  const sorted = SORTED_COLUMN[sort];
  return columns.map((column) => (column.title === sorted ? { ...column, title: `${sorted}▾`, stays: true } : column));
}

/** @param seconds Unix time */
export function timeOfDay(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(11, 19);
}
