/**
 * A row laid out for one window: bytes that are the same in all its rows, with the values of a record between them. Laid out
 * once a window, so that a record costs one copy and one writer for each of its own values.
 */
import type { LogStatus } from '../model/ledger.ts';
import { template } from './ascii.ts';
import type { RecordField } from './catalogue.ts';
import type { Column } from './field-columns.ts';
import type { WriteValue } from './field-text.ts';
import type { RowContext } from './row-context.ts';

/** One value that each record has for itself, and what stands before it. */
export interface Step {
  /** Finished columns, and the opening of the value's own. */
  readonly before: Uint8Array;
  /** Of `before`: what goes away again where the record has no value and the format leaves such columns out. */
  readonly openingBytes: number;
  readonly write: WriteValue;
  /** Whether `write` writes the number itself and not its digits. */
  readonly isNumber: boolean;
  readonly field: RecordField;
  readonly label: string;
}

export interface Row {
  readonly steps: readonly Step[];
  /** Finished columns after the last value. */
  readonly after: Uint8Array;
  /** UTF-8 bytes of the values of all finished columns. */
  readonly valueBytes: number;
}

/** How a format writes columns. */
export interface RowEncoding {
  /** A whole column whose value is known; undefined is none. */
  finished(column: Column, value: string | undefined): Uint8Array;
  /** What stands before a value. */
  open(column: Column): Uint8Array;
  /** Writes values of a field as numbers; all are texts where it is absent or answers undefined. */
  number?(field: RecordField): WriteValue | undefined;
}

/** The rows of records without annotations, which are most, and of records with them. */
export interface Rows {
  readonly plain: Row;
  readonly annotated: Row;
}

export const NO_ROWS: Rows = noRows();

function noRows(): Rows {
  const row = { steps: [], after: new Uint8Array(0), valueBytes: 0 };
  return { plain: row, annotated: row };
}

export function layOutRows(columns: readonly Column[], context: RowContext, encoding: RowEncoding): Rows {
  return { plain: layOut(columns, context, encoding, true), annotated: layOut(columns, context, encoding, false) };
}

function layOut(columns: readonly Column[], context: RowContext, encoding: RowEncoding, isPlain: boolean): Row {
  const steps: Step[] = [];
  let finished: Uint8Array[] = [];
  let valueBytes = 0;
  for (const column of columns) {
    const { write, shared, unannotated } = column.field;
    if (write !== undefined && !(isPlain && unannotated !== undefined)) {
      steps.push(stepOf(column, write, finished, encoding));
      finished = [];
    } else {
      const value = write === undefined ? shared?.(context, 'OK') : unannotated || undefined;
      finished.push(encoding.finished(column, value));
      valueBytes += template(value ?? '').length;
    }
  }
  return { steps, after: concatenated(finished), valueBytes };
}

function stepOf(column: Column, write: WriteValue, finished: readonly Uint8Array[], encoding: RowEncoding): Step {
  const { label, field } = column;
  const opening = encoding.open(column);
  const number = encoding.number?.(field);
  return {
    before: concatenated([...finished, opening]),
    openingBytes: opening.length,
    write: number ?? write,
    isNumber: number !== undefined,
    field,
    label,
  };
}

/**
 * The columns of the row that stands for the window itself, in which what only records have is missing. Undefined where the
 * window needs none, or where nothing in the row would tell it from a flow's.
 */
export function windowRow(
  columns: readonly Column[],
  context: RowContext,
  status: LogStatus,
): readonly (readonly [column: Column, value: string | undefined])[] | undefined {
  if (status === 'OK' || !columns.some(({ field }) => field.name === 'log-status')) return undefined;
  return columns.map((column) => [column, column.field.shared?.(context, status)]);
}

function concatenated(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
