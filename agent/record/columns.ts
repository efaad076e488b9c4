/** Rows as aligned columns within the width of a terminal. Cells may be foreign text: each stays on its line. */
import { cutMiddle, padEnd, padStart, textWidth } from '../terminal/text-width.ts';
import { visible } from '../terminal/visible-text.ts';

export interface Column<Row> {
  readonly title: string;
  /** Left when absent. */
  readonly align?: 'right';
  /** Its cells may lose their middle where there is no room. */
  readonly shrinks?: true;
  /** It is shown on any terminal; the others leave where there is no room. */
  readonly stays?: true;
  /** It leaves before any cell is cut, also as one of the first. */
  readonly isSpare?: true;
  readonly cell: (row: Row) => string;
}

/** A column with its cells, its title the first of them. */
interface Laid<Row> {
  readonly column: Column<Row>;
  readonly cells: readonly string[];
  /** Of the widest cell. */
  readonly width: number;
}

const GUTTER = '  ';
/** Cells are not cut below this as long as another column may leave. */
const CELL_WIDTH_MIN = 12;
/** Nor below this at all: a terminal that has no room for it cuts the lines. */
const CELL_WIDTH_FLOOR = 5;

/**
 * A line of titles and a line for each row. What is too wide loses the columns behind the first `columnsMin` and the spare ones, the last
 * first; then the cells that may shrink lose their middle; where that is not enough, the first columns leave, too, again the
 * last ones first. A column that stays and does not shrink is always shown whole.
 */
export function layOut<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
  columnsMin: number,
): string[] {
  const all = columns.map((column) => laidOut(column, rows));
  const isCandidate = ({ column }: Laid<Row>, index: number) => index >= columnsMin || column.isSpare === true;
  const essential = leaving(all, (laid) => totalWidth(laid) > width, new Set(all.filter(isCandidate)));
  const kept = leaving(essential, (laid) => narrowestWidth(laid) > width, new Set(essential));
  const cells = shrink(kept, width);
  const widths = cells.map(widest);
  return Array.from({ length: rows.length + 1 }, (_, row) =>
    kept
      .map(({ column }, index) => {
        const cell = cells[index]![row]!;
        return column.align === 'right' ? padStart(cell, widths[index]!) : padEnd(cell, widths[index]!);
      })
      .join(GUTTER)
      .trimEnd(),
  );
}

function laidOut<Row>(column: Column<Row>, rows: readonly Row[]): Laid<Row> {
  const cells = [column.title, ...rows.map(column.cell)].map(visible);
  return { column, cells, width: widest(cells) };
}

/** Without the last of the candidates that does not stay, for as long as it is too wide. */
function leaving<Row>(
  all: readonly Laid<Row>[],
  isTooWide: (laid: readonly Laid<Row>[]) => boolean,
  candidates: ReadonlySet<Laid<Row>>,
): readonly Laid<Row>[] {
  if (!isTooWide(all)) return all;
  const last = all.findLastIndex((each) => candidates.has(each) && each.column.stays !== true);
  return last < 0 ? all : leaving(all.toSpliced(last, 1), isTooWide, candidates);
}

/** The widest column gives first, so that a long address does not cost a short one its middle. */
function shrink<Row>(laid: readonly Laid<Row>[], width: number): string[][] {
  const widths = laid.map((each) => each.width);
  const candidates = laid.flatMap(({ column }, index) => (column.shrinks === true ? [index] : []));
  for (let excess = totalWidth(laid) - width; excess > 0; excess--) {
    const widestOne = candidates.reduce<number | undefined>(
      (most, index) => (most === undefined || widths[index]! > widths[most]! ? index : most),
      undefined,
    );
    if (widestOne === undefined || widths[widestOne]! <= CELL_WIDTH_FLOOR) break;
    widths[widestOne]! -= 1;
  }
  // Of an endpoint, the network at the front and the port at the end say most.
  return laid.map(({ cells }, index) => cells.map((cell) => cutMiddle(cell, widths[index]!)));
}

function widest(cells: readonly string[]): number {
  return cells.reduce((width, cell) => Math.max(width, textWidth(cell)), 0);
}

function totalWidth<Row>(laid: readonly Laid<Row>[]): number {
  return sumWidths(laid.map(({ width }) => width));
}

/** With every cell cut that may be. */
function narrowestWidth<Row>(laid: readonly Laid<Row>[]): number {
  return sumWidths(laid.map(({ column, width }) => (column.shrinks ? Math.min(width, CELL_WIDTH_MIN) : width)));
}

function sumWidths(widths: readonly number[]): number {
  return widths.reduce((total, width) => total + width, GUTTER.length * (widths.length - 1));
}
