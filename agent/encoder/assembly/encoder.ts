/**
 * Records as rows of a sink, `tag length head (before value)* after uid`: logs of Cloud Log Service, log records of OTLP. Where the next
 * record and the next row begin stands in memory between two calls (layout.ts).
 */
import * as layout from '../layout';
import { hasAnnotations } from './annotations';
import { copy } from './copy';
import { writeDecimal } from './decimal';
import { readRecord } from './record';
import { writeNumber, writeValue } from './values';
import { varintBytes, writeVarint } from './varint';

/** From here on the length of a value with its key may need two bytes. */
const WIDE: usize = 0x82;

/** Of the values of the row that was written last. */
let values: u32 = 0;

/**
 * Writes the records up to `end` as rows, until they end, a row would begin behind `limit`, there are more than `valuesMax` bytes of
 * values, or one comes that TypeScript has to see.
 */
export function writeRows(end: usize, limit: usize, valuesMax: u32): void {
  let from = load<usize>(layout.IN_AT);
  let at = load<usize>(layout.OUT_AT);
  let sum = load<u32>(layout.VALUES);
  let index = load<u32>(layout.INDEX);
  while (from < end && at <= limit && sum <= valuesMax) {
    const recordEnd = readRecord(from, end);
    if (recordEnd === 0) break;
    const rowEnd = writeRow(at, index);
    if (rowEnd === 0) break;
    from = recordEnd;
    at = rowEnd;
    sum += values;
    index++;
  }
  store<usize>(layout.IN_AT, from);
  store<usize>(layout.OUT_AT, at);
  store<u32>(layout.VALUES, sum);
  store<u32>(layout.INDEX, index);
}

function writeRow(to: usize, index: u32): usize {
  const lengthBytes = load<u32>(layout.LENGTH_BYTES);
  const body = to + 1 + lengthBytes;
  const valuesEnd = writeBody(body);
  if (valuesEnd === 0) return 0;
  const end = writeUid(index, valuesEnd);
  if (end === 0) return 0;
  store<u8>(to, load<u8>(layout.ROW_TAG));
  const length = <u32>(end - body);
  const narrower = varintBytes(length);
  if (narrower !== lengthBytes) memory.copy(to + 1 + narrower, body, length);
  return writeVarint(length, to + 1) + length;
}

function writeBody(to: usize): usize {
  const row: usize = <usize>(hasAnnotations ? layout.ANNOTATED : layout.PLAIN);
  values = load<u32>(row, layout.VALUE_BYTES);
  let at = copy(load<usize>(layout.HEAD_AT), load<u32>(layout.HEAD_BYTES), to);
  let step = load<usize>(row, layout.STEPS_AT);
  for (let left = load<u32>(row, layout.STEPS); left > 0; left--) {
    const value = copy(load<usize>(step, layout.BEFORE_AT), load<u32>(step, layout.BEFORE_BYTES), at);
    const closing = load<u32>(step, layout.CLOSING);
    const writer = load<u32>(step, layout.WRITER);
    const end = closing === layout.NUMBER ? writeNumber(writer, value) : writeValue(writer, value);
    at = value - load<u32>(step, layout.OPENING_BYTES);
    if (end - at >= WIDE || end === 0) return 0;
    if (end !== value) {
      values += <u32>(end - value);
      close(closing, at, value, end);
      at = end;
    }
    step += layout.STEP_BYTES;
  }
  return copy(load<usize>(row, layout.AFTER_AT), load<u32>(row, layout.AFTER_BYTES), at);
}

/** Answers where it ends, 0 where TypeScript has to write it. */
function writeUid(index: u32, to: usize): usize {
  const length = load<u32>(layout.UID_BYTES);
  if (length === 0) return to;
  const end = writeDecimal(index, copy(load<usize>(layout.UID_AT), length, to));
  if (end - to >= WIDE) return 0;
  close(layout.TEXT, to, to + load<u32>(layout.UID_OPENING_BYTES), end);
  return end;
}

/** Fills the holes of what begins at `at`, and whose value stands from `value` to `end`. */
function close(closing: u32, at: usize, value: usize, end: usize): void {
  store<u8>(at, end - at - 2, 1);
  if (closing === layout.NUMBER) {
    store<u8>(value - 2, end - value + 1);
    return;
  }
  store<u8>(value - 1, end - value);
  if (closing === layout.TEXT) store<u8>(value - 3, end - value + 2);
}
