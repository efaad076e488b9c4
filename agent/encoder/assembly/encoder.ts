/**
 * Records as logs of Cloud Log Service (`export/cls/log-group.ts`): `0a length log`, a log being `head (12 length 0a length key 12 length
 * value)*`. Where the next record and the next log begin stands in memory between two calls (layout.ts).
 */
import * as layout from '../layout';
import { hasAnnotations } from './annotations';
import { copy } from './copy';
import { readRecord } from './record';
import { writeValue } from './values';
import { varintBytes, writeVarint } from './varint';

const LOG_TAG: u8 = 0x0a;
/** From here on the length of a content may need two bytes. */
const WIDE: usize = 0x82;

/** Of the values of the log that was written last. */
let values: u32 = 0;

/**
 * Writes the records up to `end` as logs, until they end, a log would begin behind `limit`, there are more than `valuesMax` bytes of
 * values, or one comes that TypeScript has to see.
 */
export function writeLogs(end: usize, limit: usize, valuesMax: u32): void {
  let from = load<usize>(layout.IN_AT);
  let at = load<usize>(layout.OUT_AT);
  let sum = load<u32>(layout.VALUES);
  while (from < end && at <= limit && sum <= valuesMax) {
    const recordEnd = readRecord(from, end);
    if (recordEnd === 0) break;
    const logEnd = writeLog(at);
    if (logEnd === 0) break;
    from = recordEnd;
    at = logEnd;
    sum += values;
  }
  store<usize>(layout.IN_AT, from);
  store<usize>(layout.OUT_AT, at);
  store<u32>(layout.VALUES, sum);
}

function writeLog(to: usize): usize {
  const lengthBytes = load<u32>(layout.LENGTH_BYTES);
  const body = to + 1 + lengthBytes;
  const end = writeBody(body);
  if (end === 0) return 0;
  store<u8>(to, LOG_TAG);
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
    const end = writeValue(load<u32>(step, layout.WRITER), value);
    at = value - load<u32>(step, layout.OPENING_BYTES);
    if (end - at >= WIDE || end === 0) return 0;
    if (end !== value) {
      values += <u32>(end - value);
      closeContent(at, value, end);
      at = end;
    }
    step += layout.STEP_BYTES;
  }
  return copy(load<usize>(row, layout.AFTER_AT), load<u32>(row, layout.AFTER_BYTES), at);
}

/** Fills the two holes of the content that begins at `at`. */
function closeContent(at: usize, value: usize, end: usize): void {
  store<u8>(at, end - at - 2, 1);
  store<u8>(value - 1, end - value);
}
