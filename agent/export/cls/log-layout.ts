/** What every log of one batch has in common, laid out once, so that a record costs its own values only. */
import type { BatchHeader } from '../../model/batch-id.ts';
import type { Column } from '../../record/field-columns.ts';
import { VALUE_BYTES_MAX } from '../../record/field-text.ts';
import { layOutRows, type Row, type RowEncoding, type Rows } from '../../record/row.ts';
import { contentFields, timeField, varintBytes } from './message.ts';

export interface LogLayout {
  readonly windowStart: number;
  /** What each log begins with. */
  readonly time: Uint8Array;
  readonly rows: Rows;
  /** Of the longest log, its tag and length included. */
  readonly bytesMax: number;
  /** Of the length of the longest log. */
  readonly lengthBytes: number;
}

const NOTHING = new Uint8Array(0);
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
export function layOutLogs(columns: readonly Column[], header: BatchHeader, milliseconds: number): LogLayout {
  const rows = layOutRows(columns, header, ENCODING);
  const time = timeField(milliseconds);
  const bodyBytesMax = time.length + Math.max(contentsBytesMax(rows.plain), contentsBytesMax(rows.annotated));
  const lengthBytes = varintBytes(bodyBytesMax);
  return { windowStart: header.windowStart, time, rows, bytesMax: 1 + lengthBytes + bodyBytesMax, lengthBytes };
}

function contentsBytesMax({ steps, after }: Row): number {
  return steps.reduce((sum, { before }) => sum + before.length + VALUE_BYTES_MAX + WIDE_BYTES, after.length);
}
