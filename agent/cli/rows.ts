import { layOut } from '../record/columns.ts';

/** Rows under a heading in aligned columns, as wide as they are; columns from the `words`-th on are numbers. */
export function alignRows(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  words = heading.length,
): string[] {
  const columns = heading.map((title, index) => ({
    title,
    ...(index < words ? {} : { align: 'right' as const }),
    cell: (row: readonly string[]) => row[index] ?? '',
  }));
  return layOut(columns, rows, Number.POSITIVE_INFINITY, heading.length);
}

/** The same as a text, of words alone. */
export function renderRows(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  return `${alignRows(heading, rows).join('\n')}\n`;
}
