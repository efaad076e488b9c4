/** Records as NDJSON: one object a line, without the fields that a record does not have. */
import { ANNOTATION_TEXT_BYTES_MAX } from '../model/annotations.ts';
import type { FlowRecord } from '../model/flow-record.ts';
import { type Ledger, logStatus } from '../model/ledger.ts';
import { visible } from '../terminal/visible-text.ts';
import { template, writeBytes } from './ascii.ts';
import { type Column, NDJSON_COLUMNS } from './field-columns.ts';
import { CONTEXT_TEXT_BYTES_MAX, contextText, type RecordPrinter } from './printer.ts';
import { layOutRows, NO_ROWS, type RowEncoding, windowRow } from './row.ts';
import type { RowContext } from './row-context.ts';

const SPACE = 0x20;
const TILDE = 0x7e;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = 0x7b;
const CLOSING = 0x7d;
const LINE_FEED = 0x0a;
const NOTHING = new Uint8Array(0);
/** A control character becomes six bytes, as does one of two or more. */
const ESCAPED_BYTES_MAX = 6 * ANNOTATION_TEXT_BYTES_MAX;
const PUNCTUATION_BYTES = 8;

/** Each column begins with a comma; the first one becomes the brace. */
const ENCODING: RowEncoding = {
  finished: ({ label, field }, value) =>
    value === undefined
      ? NOTHING
      : contextText(`,${JSON.stringify(label)}:${field.type === 'integer' ? value : jsonText(value)}`),
  open: ({ label, field }) => template(`,${JSON.stringify(label)}:${field.type === 'integer' ? '' : '"'}`),
};

export class NdjsonPrinter implements RecordPrinter {
  readonly bytesMax: number;
  readonly header = '';
  readonly #columns: readonly Column[];
  #rows = NO_ROWS;
  #context: RowContext = { windowStart: 0, windowSeconds: 0 };

  constructor(columns: readonly Column[] = NDJSON_COLUMNS) {
    this.#columns = columns;
    this.bytesMax = columns.reduce(
      (sum, { label, field }) =>
        sum + label.length + PUNCTUATION_BYTES + Math.max(field.shared ? CONTEXT_TEXT_BYTES_MAX : 0, ESCAPED_BYTES_MAX),
      PUNCTUATION_BYTES,
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
      const { before, openingBytes, write, field } = steps[i]!;
      const value = writeBytes(before, buffer, end);
      end = write(record, windowStart, buffer, value);
      if (end === value) end = value - openingBytes;
      else if (field.type !== 'integer') end = closeText(buffer, value, end);
    }
    return closeLine(buffer, at, writeBytes(after, buffer, end));
  }

  finish(ledger: Ledger, buffer: Uint8Array, at: number): number {
    const row = windowRow(this.#columns, this.#context, logStatus(ledger));
    if (row === undefined) return at;
    let end = at;
    for (const [column, value] of row) end = writeBytes(ENCODING.finished(column, value), buffer, end);
    return closeLine(buffer, at, end);
  }
}

function closeLine(buffer: Uint8Array, start: number, end: number): number {
  buffer[start] = OPENING;
  const at = Math.max(end, start + 1);
  buffer[at] = CLOSING;
  buffer[at + 1] = LINE_FEED;
  return at + 2;
}

/** Ends a text in its place, after escaping what a rule's name may bring along. */
function closeText(buffer: Uint8Array, from: number, to: number): number {
  let end = to;
  for (let at = from; at < to; at++) {
    const byte = buffer[at]!;
    if (byte < SPACE || byte === QUOTE || byte === BACKSLASH || byte > TILDE) {
      end = escapeText(buffer, from, to);
      break;
    }
  }
  buffer[end] = QUOTE;
  return end + 1;
}

function escapeText(buffer: Uint8Array, from: number, to: number): number {
  const text = new TextDecoder().decode(buffer.subarray(from, to));
  return writeBytes(template(jsonText(text).slice(1, -1)), buffer, from);
}

/** The same value, in characters that no terminal obeys. */
function jsonText(text: string): string {
  return visible(JSON.stringify(text));
}
