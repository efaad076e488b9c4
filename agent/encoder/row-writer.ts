/**
 * Writes the records of a batch as rows of a sink. Hot: an agent in trouble sends millions of records that were pending on disk. Most
 * are written in WebAssembly (`encoder.ts`); what that leaves to TypeScript, all of them where it is missing, is written here in the same
 * way: keys are templates with holes for lengths, values are written in place, nothing is allocated for a record.
 */
import { createFlowRecord } from '../model/flow-record.ts';
import { copyBytes, writeDecimal } from '../record/ascii.ts';
import type { FlowBatchReader } from '../wire/flow-batch-reader.ts';
import { varintBytes, writeVarint31 } from '../wire/protobuf-writer.ts';
import type { Encoder, Progress } from './encoder.ts';
import type { RowForm, Uid } from './row-form.ts';

export interface RowLimits {
  /** UTF-8 bytes of all values. */
  readonly valuesBytes: number;
  /** Of all rows and the head. */
  readonly bodyBytes: number;
}

const START_BYTES = 262_144;
const UINT32_MAX = 0xffff_ffff;

export class RowWriter implements Progress {
  readonly #encoder: Encoder | undefined;
  readonly #record = createFlowRecord();
  #own = new Uint8Array(START_BYTES);
  /** Ours, or the encoder's output. */
  #buffer = this.#own;
  #headBytes = 0;
  from = 0;
  at = 0;
  values = 0;
  index = 0;

  constructor(encoder: Encoder | undefined) {
    this.#encoder = encoder;
  }

  /**
   * Writes behind `headBytes` of room. Stops early once a limit is passed, so that the size of the buffer is bounded by the limits and
   * not by the batch.
   */
  write(batch: Uint8Array, reader: FlowBatchReader, form: RowForm, headBytes: number, limits: RowLimits): void {
    this.#headBytes = headBytes;
    this.at = headBytes;
    this.values = 0;
    this.index = 0;
    const encoder = this.#begin(batch, form, limits);
    while (this.#isWithin(limits)) {
      if (encoder !== undefined) {
        this.from = reader.at;
        encoder.writeRows(this, limits.bodyBytes, Math.min(limits.valuesBytes, UINT32_MAX));
        reader.at = this.from;
        if (!this.#isWithin(limits)) return;
      }
      if (!reader.next(this.#record)) return;
      this.#need(form.bytesMax);
      this.#writeRow(form);
    }
  }

  /** Bytes behind the head so far. */
  get bytes(): number {
    return this.at - this.#headBytes;
  }

  /** Appends what is written already. */
  append(bytes: Uint8Array): void {
    this.#need(bytes.length);
    this.#buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** All of it, with a head right before it. Good until the next `write`. */
  finish(head: Uint8Array): Uint8Array {
    this.#need(0);
    const start = this.#headBytes - head.length;
    this.#buffer.set(head, start);
    return this.#buffer.subarray(start, this.at);
  }

  /** The encoder, where it can write rows of this form. */
  #begin(batch: Uint8Array, form: RowForm, { bodyBytes }: RowLimits): Encoder | undefined {
    const encoder = this.#encoder;
    const isReady = encoder?.begin(form, batch, bodyBytes + form.bytesMax) ?? false;
    this.#buffer = encoder !== undefined && isReady ? encoder.output : this.#own;
    return isReady ? encoder : undefined;
  }

  #isWithin({ valuesBytes, bodyBytes }: RowLimits): boolean {
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

  #writeRow(form: RowForm): void {
    const buffer = this.#buffer;
    const start = this.at + 1 + form.lengthBytes;
    const valuesEnd = this.#writeBody(form, start);
    const end = form.uid === undefined ? valuesEnd : writeUid(form, form.uid, this.index, buffer, valuesEnd);
    buffer[this.at] = form.tag;
    this.at = writeLength(end - start, form.lengthBytes, buffer, this.at + 1);
    this.index++;
  }

  #writeBody(form: RowForm, start: number): number {
    const record = this.#record;
    const { rows, windowStart, head } = form;
    const { steps, after, valueBytes } = record.isAnnotated ? rows.annotated : rows.plain;
    const buffer = this.#buffer;
    let values = valueBytes;
    let at = copyBytes(head, buffer, start);
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!;
      const value = copyBytes(step.before, buffer, at);
      const end = step.write(record, windowStart, buffer, value);
      at = value - step.openingBytes;
      if (end === value) continue;
      values += end - value;
      at = form.close(step, buffer, at, value, end);
    }
    this.values += values;
    return copyBytes(after, buffer, at);
  }
}

function writeUid(form: RowForm, uid: Uid, index: number, buffer: Uint8Array, at: number): number {
  const end = writeDecimal(index, buffer, copyBytes(uid.before, buffer, at));
  return form.close(uid, buffer, at, at + uid.openingBytes, end);
}

/**
 * The length before the row whose body was written behind the widest length it may need; answers the row's end. Narrower
 * lengths happen only where long identifiers put the widest row just over a power of 128: then the body moves.
 */
function writeLength(length: number, lengthBytes: number, buffer: Uint8Array, at: number): number {
  const narrower = varintBytes(length);
  if (narrower !== lengthBytes) buffer.copyWithin(at + narrower, at + lengthBytes, at + lengthBytes + length);
  writeVarint31(length, buffer, at);
  return at + narrower + length;
}
