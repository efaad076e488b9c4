/**
 * Records as rows of values separated by single spaces, `-` for each that a record or a window does not have. The documented
 * row of an interface, under its header:
 *
 *     version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
 *     2 1251762227 eni-lq6mkcis 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK
 *     2 1251762227 eni-lq6mkcis - - - - - - - 1431280876 1431280934 - NODATA
 */
import type { FlowRecord } from '../model/flow-record.ts';
import { type Ledger, logStatus } from '../model/ledger.ts';
import { visible } from '../terminal/visible-text.ts';
import { template, writeBytes } from './ascii.ts';
import { type Column, ENI_COLUMNS } from './field-columns.ts';
import { VALUE_BYTES_MAX } from './field-text.ts';
import { CONTEXT_TEXT_BYTES_MAX, contextText, type RecordPrinter } from './printer.ts';
import { layOutRows, NO_ROWS, type RowEncoding, windowRow } from './row.ts';
import type { RowContext } from './row-context.ts';

const SPACE = 0x20;
const LINE_FEED = 0x0a;
const TILDE = 0x7e;
const MINUS = 0x2d;
const UNDERSCORE = 0x5f;
const NOTHING = new Uint8Array(0);
/** A byte may need six to be visible. */
const VISIBLE_BYTES_MAX = 6 * VALUE_BYTES_MAX;

/** Each column ends in a space; the last one becomes the line's end. */
const ENCODING: RowEncoding = { finished: (_, value) => word(value), open: () => NOTHING };

export class TextPrinter implements RecordPrinter {
  readonly bytesMax: number;
  /** The names of the fields, as the flow logs of clouds have them in their files. */
  readonly header: string;
  readonly #columns: readonly Column[];
  #rows = NO_ROWS;
  #context: RowContext = { windowStart: 0, windowSeconds: 0 };

  constructor(columns: readonly Column[] = ENI_COLUMNS) {
    this.#columns = columns;
    this.header = `${columns.map(({ label }) => label).join(' ')}\n`;
    this.bytesMax = columns.reduce(
      (sum, { field }) => sum + Math.max(field.shared ? CONTEXT_TEXT_BYTES_MAX : 0, VISIBLE_BYTES_MAX) + 1,
      0,
    );
  }

  begin(context: RowContext): void {
    this.#context = context;
    this.#rows = layOutRows(this.#columns, context, ENCODING);
  }

  print(record: FlowRecord, buffer: Uint8Array, at: number): number {
    const { steps, after } = record.isAnnotated ? this.#rows.annotated : this.#rows.plain;
    const { windowStart } = this.#context;
    let end = at;
    for (let i = 0; i < steps.length; i++) {
      const { before, write, field } = steps[i]!;
      const value = writeBytes(before, buffer, end);
      end = write(record, windowStart, buffer, value);
      if (end === value) buffer[end++] = MINUS;
      else if (field.type === 'text') end = writeWord(buffer, value, end);
      buffer[end++] = SPACE;
    }
    end = writeBytes(after, buffer, end);
    buffer[end - 1] = LINE_FEED;
    return end;
  }

  /** One row for a window in which nothing was metered, or in which something was lost. */
  finish(ledger: Ledger, buffer: Uint8Array, at: number): number {
    const row = windowRow(this.#columns, this.#context, logStatus(ledger));
    if (row === undefined) return at;
    let end = at;
    for (const [, value] of row) end = writeBytes(word(value), buffer, end);
    buffer[end - 1] = LINE_FEED;
    return end;
  }
}

/** A row is split at its spaces, so a name that has any is printed without. */
function unspaced(text: string): string {
  return visible(text.replaceAll(/\s/g, '_'));
}

function word(text: string | undefined): Uint8Array {
  return contextText(`${unspaced(text || '-')} `);
}

/** The same, of a value in its place. */
function writeWord(buffer: Uint8Array, from: number, to: number): number {
  let isAscii = true;
  for (let at = from; at < to; at++) {
    if (buffer[at]! <= SPACE) buffer[at] = UNDERSCORE;
    else if (buffer[at]! > TILDE) isAscii = false;
  }
  if (isAscii) return to;
  return writeBytes(template(unspaced(new TextDecoder().decode(buffer.subarray(from, to)))), buffer, from);
}
