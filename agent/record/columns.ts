/** Rows as aligned columns within the width of a terminal. */

export interface Column<Row> {
  readonly title: string;
  /** Left when absent. */
  readonly align?: 'right';
  /** Its cells may lose their middle where there is no room. */
  readonly shrinks?: true;
  readonly cell: (row: Row) => string;
}

const GUTTER = '  ';
/** Cells are not cut below this: the terminal may wrap then. */
const CELL_WIDTH_MIN = 12;

/**
 * A line of titles and a line for each row. What is too wide loses the last columns first, down to `columnsMin`, and then the
 * middle of the cells that may shrink.
 */
export function layOut<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
  columnsMin: number,
): string[] {
  const texts = columns.map(({ title, cell }) => [title, ...rows.map(cell)]);
  let shown = columns.length;
  while (shown > columnsMin && totalWidth(texts.slice(0, shown)) > width) shown--;
  const kept = columns.slice(0, shown);
  const cells = shrink(kept, texts.slice(0, shown), width);
  const widths = cells.map(widest);
  return Array.from({ length: rows.length + 1 }, (_, row) =>
    kept
      .map(({ align }, index) => {
        const cell = cells[index]![row]!;
        return align === 'right' ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!);
      })
      .join(GUTTER)
      .trimEnd(),
  );
}

/** The widest column gives first, so that a long address does not cost a short one its middle. */
function shrink<Row>(columns: readonly Column<Row>[], cells: string[][], width: number): string[][] {
  const widths = cells.map(widest);
  for (let excess = totalWidth(cells) - width; excess > 0; excess--) {
    const candidates = columns.flatMap(({ shrinks }, index) => (shrinks ? [index] : []));
    const widestOne = candidates.reduce(
      (most, index) => (widths[index]! > widths[most]! ? index : most),
      candidates[0]!,
    );
    if (widths[widestOne]! <= CELL_WIDTH_MIN) break;
    widths[widestOne]! -= 1;
  }
  return cells.map((column, index) => column.map((cell) => shorten(cell, widths[index]!)));
}

/** Cuts out the middle: of an endpoint, the network at the front and the port at the end say most. */
function shorten(cell: string, width: number): string {
  if (cell.length <= width) return cell;
  const front = Math.floor((width - 1) / 2);
  return `${cell.slice(0, front)}…${cell.slice(cell.length - (width - 1 - front))}`;
}

function widest(cells: readonly string[]): number {
  return cells.reduce((width, cell) => Math.max(width, cell.length), 0);
}

function totalWidth(cells: readonly (readonly string[])[]): number {
  return cells.reduce((total, column) => total + widest(column), 0) + GUTTER.length * (cells.length - 1);
}
