/** What the records of one batch have in common, laid out once, so that a record costs its own values only. */
import { template } from '../../record/ascii.ts';
import type { Column } from '../../record/field-columns.ts';
import { VALUE_BYTES_MAX, type WriteValue } from '../../record/field-text.ts';
import { layOutRows, type Row, type RowEncoding, type Rows } from '../../record/row.ts';
import type { RowContext } from '../../record/row-context.ts';
import { keyValue, writeInt64 } from './message.ts';

export interface RecordLayout {
  readonly windowStart: number;
  /** What each record begins with. */
  readonly start: Uint8Array;
  readonly rows: Rows;
  /** The attribute `log.record.uid` as far as its index. */
  readonly uid: Uint8Array;
  readonly uidOpeningBytes: number;
  /** Of the longest record, its tag and length included. */
  readonly bytesMax: number;
}

const NOTHING = new Uint8Array(0);
/** What lengths of two bytes add to an attribute. */
const WIDE_BYTES = 3;
/** Of a record's index. */
const INDEX_BYTES_MAX = 16;
/** The tag of a record, and its length in two bytes or up to five. */
const RECORD_HEAD_BYTES_MAX = 6;

const ENCODING: RowEncoding = {
  finished: ({ label, field }, value) =>
    value === undefined ? NOTHING : keyValue(0x32, label, field.type === 'integer' ? Number(value) : value),
  open: ({ label, field }) => opening(label, field.type === 'integer'),
};

/** `32 length 0a length key 12 length`, and `0a length` of a text or `18` of a number: the lengths but the key's are holes. */
function opening(key: string, isInteger: boolean): Uint8Array {
  const value = isInteger ? [0x18] : [0x0a, 0];
  return Uint8Array.of(0x32, 0, 0x0a, key.length, ...Buffer.from(key), 0x12, 0, ...value);
}

/** @param start what each record begins with @param identity of the batch */
export function layOutRecords(
  columns: readonly Column[],
  context: RowContext,
  start: Uint8Array,
  identity: string,
): RecordLayout {
  const rows = layOutRows(columns.map(withNumbers), context, ENCODING);
  const opened = opening('log.record.uid', false);
  const uid = Buffer.concat([opened, template(`${identity}-`)]);
  const attributes = Math.max(attributeBytesMax(rows.plain), attributeBytesMax(rows.annotated));
  const bytesMax = RECORD_HEAD_BYTES_MAX + start.length + uid.length + INDEX_BYTES_MAX + attributes;
  return { windowStart: context.windowStart, start, rows, uid, uidOpeningBytes: opened.length, bytesMax };
}

/** The column with numbers written as protobuf has them. */
function withNumbers({ label, field }: Column): Column {
  const { value, type } = field;
  if (type !== 'integer' || value === undefined) return { label, field };
  return { label, field: { ...field, write: numberWriter(value as ReadNumber) } };
}

type ReadNumber = (...of: Parameters<NonNullable<Column['field']['value']>>) => number | undefined;

function numberWriter(read: ReadNumber): WriteValue {
  return (record, windowStart, buffer, at) => {
    const value = read(record, windowStart);
    return value === undefined ? at : writeInt64(value, buffer, at);
  };
}

function attributeBytesMax({ steps, after }: Row): number {
  return steps.reduce((sum, { before }) => sum + before.length + VALUE_BYTES_MAX + WIDE_BYTES, after.length);
}
