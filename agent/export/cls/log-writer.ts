/**
 * Writes the records of a batch as logs. Hot: an agent in trouble sends millions of records that waited on disk. Most are written in
 * WebAssembly (`encoder/`); what that leaves to TypeScript, all of them where it is missing, is written here in the same way: keys
 * are templates with two holes for lengths, digits and addresses are written in place, nothing is allocated for a record.
 */
import type { Encoder } from '../../encoder/encoder.ts';
import { createFlowRecord } from '../../model/flow-record.ts';
import { copyBytes } from '../../record/ascii.ts';
import type { FlowBatchReader } from '../../wire/flow-batch-reader.ts';
import type { LogLayout } from './log-layout.ts';
import { contentFields, varint, varintBytes } from './message.ts';

export interface LogLimits {
  readonly valuesBytes: number;
  readonly bodyBytes: number;
}

/** Room before the logs for the list's tag and length. */
const LIST_HEAD_BYTES = 6;
const START_BYTES = 262_144;

export class LogWriter {
  readonly #encoder: Encoder | undefined;
  readonly #record = createFlowRecord();
  #own = new Uint8Array(START_BYTES);
  /** Ours, or the encoder's output. */
  #buffer = this.#own;
  /** How far the batch is read, and its logs are written. */
  from = 0;
  at = 0;
  /** UTF-8 bytes of the values of the records so far. */
  values = 0;

  constructor(encoder: Encoder | undefined) {
    this.#encoder = encoder;
  }

  /** Stops early once a limit is passed, so that the size of the buffer is bounded by the limits and not by the batch. */
  write(batch: Uint8Array, reader: FlowBatchReader, layout: LogLayout, limits: LogLimits): void {
    this.at = LIST_HEAD_BYTES;
    this.values = 0;
    const encoder = this.#begin(batch, layout, limits);
    while (this.#isWithin(limits)) {
      if (encoder !== undefined) {
        this.from = reader.at;
        encoder.writeLogs(this, limits.bodyBytes, limits.valuesBytes);
        reader.at = this.from;
        if (!this.#isWithin(limits)) return;
      }
      if (!reader.next(this.#record)) return;
      this.#need(layout.bytesMax);
      this.#writeLog(layout);
    }
  }

  /** The list: its head, the logs that are written, and what comes behind them. Good until the next `write`. */
  finish(rest: readonly Uint8Array[]): Uint8Array {
    const bytes = Buffer.concat(rest);
    this.#need(bytes.length);
    this.#buffer.set(bytes, this.at);
    const end = this.at + bytes.length;
    const length = varint(end - LIST_HEAD_BYTES);
    const start = LIST_HEAD_BYTES - length.length - 1;
    this.#buffer[start] = 0x0a;
    this.#buffer.set(length, start + 1);
    return this.#buffer.subarray(start, end);
  }

  /** The encoder, where it can write logs of this layout. */
  #begin(batch: Uint8Array, layout: LogLayout, { bodyBytes }: LogLimits): Encoder | undefined {
    const encoder = this.#encoder;
    const { rows, windowStart, time: bytes, lengthBytes } = layout;
    const isReady =
      encoder?.begin(rows, { windowStart, bytes, lengthBytes }, batch, bodyBytes + layout.bytesMax) ?? false;
    this.#buffer = encoder !== undefined && isReady ? encoder.output : this.#own;
    return isReady ? encoder : undefined;
  }

  #isWithin({ valuesBytes, bodyBytes }: LogLimits): boolean {
    return this.values <= valuesBytes && this.at <= bodyBytes;
  }

  /** Makes room for `bytes` more. */
  #need(bytes: number): void {
    const wanted = this.at + bytes;
    if (wanted <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#buffer.length, wanted));
    larger.set(this.#buffer.subarray(0, this.at));
    this.#buffer = larger;
    this.#own = larger;
  }

  #writeLog(layout: LogLayout): void {
    const { lengthBytes } = layout;
    const start = this.at + 1 + lengthBytes;
    const end = this.#writeBody(layout, start);
    this.#buffer[this.at] = 0x0a;
    this.at = writeLength(end - start, lengthBytes, this.#buffer, this.at + 1);
  }

  #writeBody({ rows, windowStart, time }: LogLayout, start: number): number {
    const record = this.#record;
    const { steps, after, valueBytes } = record.isAnnotated ? rows.annotated : rows.plain;
    const buffer = this.#buffer;
    let values = valueBytes;
    let at = copyBytes(time, buffer, start);
    for (let i = 0; i < steps.length; i++) {
      const { before, openingBytes, write, label } = steps[i]!;
      const value = copyBytes(before, buffer, at);
      const end = write(record, windowStart, buffer, value);
      at = value - openingBytes;
      if (end === value) continue;
      values += end - value;
      at = end - at < 0x82 ? closeContent(buffer, at, value, end) : writeWide(label, buffer, at, value, end);
    }
    this.values += values;
    return copyBytes(after, buffer, at);
  }
}

/**
 * The length before the log whose body was written behind the widest length it may need; answers the log's end. Narrower
 * lengths happen only where long identifiers put the widest log just over a power of 128: then the body moves.
 */
function writeLength(length: number, lengthBytes: number, buffer: Uint8Array, at: number): number {
  const narrower = varintBytes(length);
  if (narrower !== lengthBytes) buffer.copyWithin(at + narrower, at + lengthBytes, at + lengthBytes + length);
  let rest = length;
  let end = at;
  while (rest > 0x7f) {
    buffer[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[end++] = rest;
  return end + length;
}

/** Fills the two holes of the template at `at`, whose value stands from `value` to `end`: 127 bytes at most. */
function closeContent(buffer: Uint8Array, at: number, value: number, end: number): number {
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
