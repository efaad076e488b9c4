/**
 * Writes the records of a batch as log records. Hot: an agent in trouble sends millions of records that waited on disk. Attributes
 * are templates with holes for their lengths, values are written in place, nothing is allocated for a record.
 */
import { createFlowRecord, type FlowRecord } from '../../model/flow-record.ts';
import { copyBytes, writeDecimal } from '../../record/ascii.ts';
import type { FlowBatchReader } from '../../wire/flow-batch-reader.ts';
import { writeVarint14, writeVarint31 } from '../../wire/protobuf-writer.ts';
import { keyValue } from './message.ts';
import type { RecordLayout } from './record-layout.ts';

const START_BYTES = 262_144;
/** The length of a record is written behind it, in two bytes where it fits them, as nearly every one does. */
const LENGTH_BYTES = 2;
const LENGTH_MAX = 0x3fff;
/** Of an attribute whose lengths are one byte each. */
const NARROW_BYTES_MAX = 0x7f + 2;

export class RecordWriter {
  readonly #record = createFlowRecord();
  #buffer = new Uint8Array(START_BYTES);
  #at = 0;

  /** Writes behind `headBytes` of room, and stops once there are more than `bytesMax`; answers the bytes of all records. */
  write(reader: FlowBatchReader, layout: RecordLayout, headBytes: number, bytesMax: number): number {
    this.#at = 0;
    this.need(headBytes);
    this.#at = headBytes;
    for (let index = 0; this.#at <= bytesMax && reader.next(this.#record); index++) {
      this.need(layout.bytesMax);
      this.#writeRecord(layout, index);
    }
    return this.#at - headBytes;
  }

  /** Appends what is written already. */
  append(bytes: Uint8Array): void {
    this.need(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** All of it, with a head written right before the records. Good until the next `write`. */
  finish(head: Uint8Array, headBytes: number): Uint8Array {
    this.#buffer.set(head, headBytes - head.length);
    return this.#buffer.subarray(headBytes - head.length, this.#at);
  }

  /** Makes room for `bytes` more. */
  need(bytes: number): void {
    const wanted = this.#at + bytes;
    if (wanted <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#buffer.length, wanted));
    larger.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = larger;
  }

  #writeRecord(layout: RecordLayout, index: number): void {
    const buffer = this.#buffer;
    const start = this.#at + 1 + LENGTH_BYTES;
    const end = writeUid(layout, index, buffer, writeBody(this.#record, layout, buffer, start));
    buffer[this.#at] = 0x12;
    this.#at = writeLength(end - start, buffer, this.#at + 1);
  }
}

function writeBody(record: FlowRecord, layout: RecordLayout, buffer: Uint8Array, start: number): number {
  const { rows, windowStart } = layout;
  const { steps, after } = record.isAnnotated ? rows.annotated : rows.plain;
  let at = copyBytes(layout.start, buffer, start);
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    const value = copyBytes(step.before, buffer, at);
    const end = step.write(record, windowStart, buffer, value);
    at = value - step.openingBytes;
    if (end === value) continue;
    at = step.type === 'integer' ? closeNumber(buffer, at, value, end) : closeText(step.label, buffer, at, value, end);
  }
  return copyBytes(after, buffer, at);
}

function writeUid(layout: RecordLayout, index: number, buffer: Uint8Array, at: number): number {
  const end = writeDecimal(index, buffer, copyBytes(layout.uid, buffer, at));
  return closeText('log.record.uid', buffer, at, at + layout.uidOpeningBytes, end);
}

/** Fills the holes of the opening at `at`, whose number stands from `value` to `end`: ten bytes at most. */
function closeNumber(buffer: Uint8Array, at: number, value: number, end: number): number {
  buffer[at + 1] = end - at - 2;
  buffer[value - 2] = end - value + 1;
  return end;
}

function closeText(key: string, buffer: Uint8Array, at: number, value: number, end: number): number {
  if (end - at > NARROW_BYTES_MAX) return writeWide(key, buffer, at, value, end);
  buffer[at + 1] = end - at - 2;
  buffer[value - 3] = end - value + 2;
  buffer[value - 1] = end - value;
  return end;
}

/** Of a few texts the lengths do not fit the holes. */
function writeWide(key: string, buffer: Uint8Array, at: number, value: number, end: number): number {
  const attribute = keyValue(0x32, key, new TextDecoder().decode(buffer.subarray(value, end)));
  buffer.set(attribute, at);
  return at + attribute.length;
}

/** The length before a record whose body was written behind two bytes for it; answers the record's end. */
function writeLength(length: number, buffer: Uint8Array, at: number): number {
  const body = at + LENGTH_BYTES;
  if (length <= LENGTH_MAX) {
    writeVarint14(length, buffer, at);
    return body + length;
  }
  const wider = length < 1 << 21 ? 3 : 4;
  buffer.copyWithin(at + wider, body, body + length);
  writeVarint31(length, buffer, at);
  return at + wider + length;
}
