/** What the records of one batch have in common, laid out once, so that a record costs its own values only. */
import { type Closed, NARROW_BYTES_MAX, type RowForm, rowSizes } from '../../encoder/row-form.ts';
import { template } from '../../record/ascii.ts';
import type { Column } from '../../record/field-columns.ts';
import { VALUE_BYTES_MAX, type WriteValue } from '../../record/field-text.ts';
import { layOutRows, type Row, type RowEncoding } from '../../record/row.ts';
import type { RowContext } from '../../record/row-context.ts';
import { keyValue, writeInt64 } from './message.ts';

const NOTHING = new Uint8Array(0);
/** What lengths of two bytes add to an attribute. */
const WIDE_BYTES = 3;
/** Of a record's index. */
const INDEX_BYTES_MAX = 16;
const RECORD_TAG = 0x12;
const UID = 'log.record.uid';

const ENCODING: RowEncoding = {
  finished: ({ label, field }, value) =>
    value === undefined ? NOTHING : keyValue(0x32, label, field.type === 'integer' ? Number(value) : value),
  open: ({ label, field }) => opening(label, numberWriter(field) !== undefined),
  number: numberWriter,
};

/** `32 length 0a length key 12 length`, and `0a length` of a text or `18` of a number: the lengths but the key's are holes. */
function opening(key: string, isInteger: boolean): Uint8Array {
  const value = isInteger ? [0x18] : [0x0a, 0];
  return Uint8Array.of(0x32, 0, 0x0a, key.length, ...Buffer.from(key), 0x12, 0, ...value);
}

/** @param head what each record begins with @param identity of the batch */
export function layOutRecords(
  columns: readonly Column[],
  context: RowContext,
  head: Uint8Array,
  identity: string,
): RowForm {
  const rows = layOutRows(columns, context, ENCODING);
  const opened = opening(UID, false);
  const before = Buffer.concat([opened, template(`${identity}-`)]);
  const attributes = Math.max(attributeBytesMax(rows.plain), attributeBytesMax(rows.annotated));
  return {
    windowStart: context.windowStart,
    rows,
    tag: RECORD_TAG,
    head,
    uid: { label: UID, isNumber: false, before, openingBytes: opened.length },
    ...rowSizes(head.length + before.length + WIDE_BYTES + INDEX_BYTES_MAX + attributes),
    closing: 'attribute',
    close: closeAttribute,
  };
}

/** Numbers as protobuf has them; undefined where the field is a text. */
function numberWriter({ type, value }: Column['field']): WriteValue | undefined {
  if (type !== 'integer' || value === undefined) return undefined;
  const read = value as ReadNumber;
  return (record, windowStart, buffer, at) => {
    const number = read(record, windowStart);
    return number === undefined ? at : writeInt64(number, buffer, at);
  };
}

type ReadNumber = (...of: Parameters<NonNullable<Column['field']['value']>>) => number | undefined;

function attributeBytesMax({ steps, after }: Row): number {
  return steps.reduce((sum, { before }) => sum + before.length + VALUE_BYTES_MAX + WIDE_BYTES, after.length);
}

/** Fills the holes of the opening at `at`, whose value stands from `value` to `end`. */
function closeAttribute(
  { label, isNumber }: Closed,
  buffer: Uint8Array,
  at: number,
  value: number,
  end: number,
): number {
  if (end - at > NARROW_BYTES_MAX) return writeWide(label, buffer, at, value, end);
  buffer[at + 1] = end - at - 2;
  if (isNumber) {
    buffer[value - 2] = end - value + 1;
  } else {
    buffer[value - 3] = end - value + 2;
    buffer[value - 1] = end - value;
  }
  return end;
}

/** Of a few texts the lengths do not fit the holes; numbers have ten bytes at most. */
function writeWide(key: string, buffer: Uint8Array, at: number, value: number, end: number): number {
  const attribute = keyValue(0x32, key, new TextDecoder().decode(buffer.subarray(value, end)));
  buffer.set(attribute, at);
  return at + attribute.length;
}
