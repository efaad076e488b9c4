/** What a search found, as text: a table for people; words, JSON, NDJSON and CSV for programs. */
import type { Invocation, OptionSpec } from '../cli/command.ts';
import type { Cell, SearchAnswer } from '../model/search.ts';
import { cutEnd, padEnd, padStart, textWidth } from '../terminal/text-width.ts';
import { visible } from '../terminal/visible-text.ts';

export const SEARCH_FORMATS = ['table', 'text', 'json', 'ndjson', 'csv'] as const;
export type SearchFormat = (typeof SEARCH_FORMATS)[number];

export const FORMAT_OPTION: OptionSpec = {
  name: 'format',
  short: 'o',
  value: 'FORMAT',
  description: `${SEARCH_FORMATS.join(', ')}. Default: table on a terminal, ndjson when piped.`,
};

export function searchFormat(invocation: Invocation): SearchFormat {
  if (invocation.has('format')) return invocation.choice('format', SEARCH_FORMATS);
  return invocation.stdout.isTTY ? 'table' : 'ndjson';
}

type Found = Pick<SearchAnswer, 'columns' | 'rows'>;

/** @param width of the terminal; undefined where lines may be of any length */
export function formatFound(found: Found, format: SearchFormat, width: number | undefined): string {
  switch (format) {
    case 'table':
      return formatTable(found, width);
    case 'text':
      return formatText(found);
    case 'json':
      return `${JSON.stringify({ columns: found.columns, rows: objectsOf(found) }, undefined, 2)}\n`;
    case 'ndjson':
      return objectsOf(found)
        .map((object) => `${JSON.stringify(object)}\n`)
        .join('');
    case 'csv':
      return formatCsv(found);
  }
}

/** Columns of whole logs in the order in which a table shows them; others stand behind, for a wide terminal. */
const FIRST_IN_TABLE: readonly string[] = [
  'time',
  'srcaddr',
  'srcport',
  'dstaddr',
  'dstport',
  'protocol',
  'packets',
  'bytes',
  'action',
  'log-status',
  'interface-id',
];
/** Columns that say nothing about a flow, or what the time says. */
const HIDDEN_IN_TABLE: ReadonlySet<string> = new Set(['version', 'account-id', 'start', 'end']);

/** Whether the rows are whole logs, and not what SQL made of them. */
function areLogs({ columns }: Found): boolean {
  return columns.some(({ name }) => name === '__PKGLOGID__') && columns.some(({ name }) => name === 'other');
}

/** Values separated by single spaces below their names, `-` for none; white space inside one becomes `_`, as in text rows of records. */
function formatText({ columns, rows }: Found): string {
  const word = (cell: Cell): string => visible(cellText(cell)).replace(/\s/g, '_') || '-';
  const line = (cells: readonly Cell[]): string => `${cells.map(word).join(' ')}\n`;
  return line(columns.map(({ name }) => name)) + rows.map(line).join('');
}

function objectsOf(found: Found): readonly Readonly<Record<string, Cell>>[] {
  const logs = areLogs(found);
  return found.rows.map((row) => {
    const object: Record<string, Cell> = {};
    for (const [index, { name }] of found.columns.entries()) {
      const cell = row[index] ?? null;
      if (!logs) object[name] = cell;
      else if (cell !== null) Object.assign(object, logFields(name, cell));
    }
    return object;
  });
}

/** A log's column as fields of its object: the keys without a column stand beside the ones with. */
function logFields(name: string, cell: Cell): Readonly<Record<string, Cell>> {
  if (name !== 'other' && name !== '__TAGS__') return { [name]: cell };
  const value = JSON.parse(String(cell)) as Record<string, Cell>;
  return name === 'other' ? value : { [name]: value };
}

/** RFC 4180, safe for spreadsheets. */
function formatCsv({ columns, rows }: Found): string {
  const line = (cells: readonly Cell[]): string => `${cells.map(csvCell).join(',')}\r\n`;
  return line(columns.map(({ name }) => name)) + rows.map(line).join('');
}

/**
 * A text that a spreadsheet would take for a formula (OWASP, CSV injection) gets an apostrophe in front and is quoted; so does
 * one that begins with an apostrophe, so that a program which removes a leading apostrophe has the value. Numbers, and a dash
 * alone, are no formulas.
 */
const FORMULA = /^(?:['\t\r\n]|[=+\-@＝＋－＠](?!$))/;
const NUMBER = /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function csvCell(cell: Cell): string {
  const text = cellText(cell);
  const isFormula = typeof cell !== 'number' && FORMULA.test(text) && !NUMBER.test(text);
  const safe = isFormula ? `'${text}` : text;
  return isFormula || /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function cellText(cell: Cell): string {
  if (cell === null) return '';
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
}

interface TableColumn {
  readonly name: string;
  readonly alignRight: boolean;
  /** Numbers and times say something else when they are cut. */
  readonly mayBeCut: boolean;
  readonly cells: readonly string[];
  readonly natural: number;
}

/** Texts are cut to this before columns are left out. */
const TEXT_WIDTH_MIN = 15;
const GAP = '  ';

function formatTable(found: Found, width: number | undefined): string {
  const columns = tableColumns(found);
  const widths = fitted(columns, width);
  const shown = columns.slice(0, widths.length);
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) => {
        const cut = cutEnd(text, widths[index]!);
        return shown[index]!.alignRight ? padStart(cut, widths[index]!) : padEnd(cut, widths[index]!);
      })
      .join(GAP)
      .trimEnd();
  const lines = [line(shown.map(({ name }) => name))];
  for (const row of found.rows.keys()) lines.push(line(shown.map(({ cells }) => cells[row]!)));
  const missing = columns.length - shown.length;
  if (missing > 0) lines.push(`(${missing} more columns omitted: widen the terminal, or use --format ndjson or csv)`);
  return `${lines.join('\n')}\n`;
}

/** All columns of what SQL made; of whole logs the ones that say something. */
function tableColumns(found: Found): readonly TableColumn[] {
  const { columns, rows } = found;
  const logs = areLogs(found);
  const tableColumns: TableColumn[] = [];
  for (const [index, { name, type }] of columns.entries()) {
    const cells = rows.map((row) => visible(cellText(row[index] ?? null)));
    const empty = cells.every((cell) => cell === '');
    if (logs && (name.startsWith('__') || HIDDEN_IN_TABLE.has(name) || (empty && name !== 'time'))) continue;
    const title = visible(name);
    const natural = cells.reduce((widest, cell) => Math.max(widest, textWidth(cell)), textWidth(title));
    const alignRight = isNumeric(type);
    tableColumns.push({ name: title, alignRight, mayBeCut: !alignRight && type !== 'TIMESTAMP', cells, natural });
  }
  return logs ? tableColumns.toSorted((a, b) => rank(a) - rank(b)) : tableColumns;
}

function rank({ name }: TableColumn): number {
  const index = FIRST_IN_TABLE.indexOf(name);
  return index < 0 ? FIRST_IN_TABLE.length : index;
}

function isNumeric(type: string): boolean {
  return /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DOUBLE|FLOAT|DECIMAL\(.*\))$/.test(type);
}

/** Widths of the columns that fit: the widest texts are cut first, then the last columns are left out. Numbers and times stay whole. */
function fitted(columns: readonly TableColumn[], width: number | undefined): readonly number[] {
  if (width === undefined) return columns.map(({ natural }) => natural);
  // No column is wider than the terminal, so the loop below ends after columns times width steps at most.
  const widths = columns.map(({ natural }) => Math.min(natural, width));
  const excess = (): number => widths.reduce((sum, one) => sum + one + GAP.length, -GAP.length) - width;
  while (excess() > 0) {
    const widest = widestCuttable(columns, widths);
    if (widest === undefined) break;
    widths[widest]! -= 1;
  }
  while (excess() > 0 && widths.length > 1) widths.pop();
  return widths;
}

/** The widest column that holds text and more of it than it must show. */
function widestCuttable(columns: readonly TableColumn[], widths: readonly number[]): number | undefined {
  let widest: number | undefined;
  for (const [index, { mayBeCut, name }] of columns.entries()) {
    if (!mayBeCut || widths[index]! <= Math.max(TEXT_WIDTH_MIN, textWidth(name))) continue;
    if (widest === undefined || widths[index]! > widths[widest]!) widest = index;
  }
  return widest;
}
