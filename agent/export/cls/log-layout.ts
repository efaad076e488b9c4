/** What every log of one batch has in common, laid out once, so that a record costs its own values only. */
import { type Closed, NARROW_BYTES_MAX, type RowForm, rowSizes } from '../../encoder/row-form.ts';
import type { BatchHeader } from '../../model/batch-id.ts';
import type { Column } from '../../record/field-columns.ts';
import { VALUE_BYTES_MAX } from '../../record/field-text.ts';
import { layOutRows, type Row, type RowEncoding } from '../../record/row.ts';
import { contentFields, timeField } from './message.ts';

const NOTHING = new Uint8Array(0);
const LOG_TAG = 0x0a;
/** What lengths of two bytes add to a content. */
const WIDE_BYTES = 2;

const ENCODING: RowEncoding = {
  finished: ({ label }, value) => (value === undefined ? NOTHING : contentFields([[label, value]])),
  open: ({ label }) => contentTemplate(label),
};

/** `12 length 0a length key 12 length`, the second and the last byte being holes: a content without its value. */
function contentTemplate(key: string): Uint8Array {
  return Uint8Array.of(0x12, 0, 0x0a, key.length, ...Buffer.from(key), 0x12, 0);
}

/** @param milliseconds the time of all logs */
export function layOutLogs(columns: readonly Column[], header: BatchHeader, milliseconds: number): RowForm {
  const rows = layOutRows(columns, header, ENCODING);
  const head = timeField(milliseconds);
  return {
    windowStart: header.windowStart,
    rows,
    tag: LOG_TAG,
    head,
    uid: undefined,
    ...rowSizes(head.length + Math.max(contentsBytesMax(rows.plain), contentsBytesMax(rows.annotated))),
    closing: 'content',
    close: closeContent,
  };
}

function contentsBytesMax({ steps, after }: Row): number {
  return steps.reduce((sum, { before }) => sum + before.length + VALUE_BYTES_MAX + WIDE_BYTES, after.length);
}

/** Fills the two holes of the template at `at`, whose value stands from `value` to `end`. */
function closeContent({ label }: Closed, buffer: Uint8Array, at: number, value: number, end: number): number {
  if (end - at > NARROW_BYTES_MAX) return writeWide(label, buffer, at, value, end);
  buffer[at + 1] = end - at - 2;
  buffer[value - 1] = end - value;
  return end;
}

/** Of a few texts the lengths do not fit the holes. */
function writeWide(key: string, buffer: Uint8Array, at: number, value: number, end: number): number {
  const content = contentFields([[key, new TextDecoder().decode(buffer.subarray(value, end))]]);
  buffer.set(content, at);
  return at + content.length;
}
