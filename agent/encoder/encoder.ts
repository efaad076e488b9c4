/**
 * Records of a batch as the rows of a sink, in WebAssembly: what `record/row.ts` lays out, written by the function of assembly/. It writes
 * what flowlogd itself writes into a batch; at anything else (damage, a field of a newer version, a text that is not ASCII) it
 * stops before the record, which TypeScript then reads and writes or refuses, so that there is one place for each rule.
 *
 * The memory holds, in this order: tables, the pieces of one form, one batch, and what becomes of it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LinearMemory, webAssembly } from '../kernel/web-assembly.ts';
import { packageRoot } from '../native/addon.ts';
import type { Row, Step } from '../record/row.ts';
import * as layout from './layout.ts';
import type { RowForm } from './row-form.ts';
import { writeTables } from './tables.ts';
import { writerOf } from './writers.ts';

/** The function of assembly/encoder.ts. Addresses are in bytes. */
interface EncoderCalls {
  writeRows(end: number, limit: number, valuesMax: number): void;
}

/** How far a batch is written. Offsets in the batch and in the output. */
export interface Progress {
  from: number;
  at: number;
  /** UTF-8 bytes of values so far. */
  values: number;
  /** Rows so far. */
  index: number;
}

const WASM_PAGE_BYTES = 65_536;
/** The largest batch and all that becomes of it take less than half. */
const MEMORY_BYTES_MAX = 64 * 1024 * 1024;
/** Seconds up to here, in microseconds, are numbers that TypeScript holds exactly, too. */
const WINDOW_START_MAX = 9_000_000_000;

export class Encoder {
  readonly #memory: LinearMemory;
  readonly #calls: EncoderCalls;
  #batchAt = layout.PIECES;
  #batchEnd = layout.PIECES;

  constructor(memory: LinearMemory, calls: EncoderCalls) {
    this.#memory = memory;
    this.#calls = calls;
    writeTables(new Uint8Array(memory.buffer));
  }

  /** Takes the form of rows and a batch in. False where they are not for it: TypeScript writes all of this batch. */
  begin(form: RowForm, batch: Uint8Array, outputBytes: number): boolean {
    if (!(form.windowStart >= 0 && form.windowStart < WINDOW_START_MAX)) return false;
    const pieces = new Pieces();
    const isWritable = pieces.add(form);
    this.#batchAt = layout.PIECES + pieces.length;
    this.#batchEnd = this.#batchAt + batch.length;
    if (!isWritable || !this.reserve(outputBytes)) return false;
    pieces.store(this.#memory.buffer);
    new Uint8Array(this.#memory.buffer).set(batch, this.#batchAt);
    return true;
  }

  /** Makes room for an output of so many bytes; `output` is another view then. */
  reserve(bytes: number): boolean {
    const missing = this.#batchEnd + bytes + layout.OVERRUN_BYTES - this.#memory.buffer.byteLength;
    if (missing <= 0) return true;
    try {
      this.#memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
      return true;
    } catch {
      return false;
    }
  }

  /** From its first byte to the end of the memory. */
  get output(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory.buffer, this.#batchEnd);
  }

  /** Writes on until the records end, a row would begin behind `limit`, values exceed `valuesMax`, or TypeScript has to see a record. */
  writeRows(progress: Progress, limit: number, valuesMax: number): void {
    const place = new Uint32Array(this.#memory.buffer, 0, 4);
    place[layout.IN_AT / 4] = this.#batchAt + progress.from;
    place[layout.OUT_AT / 4] = this.#batchEnd + progress.at;
    place[layout.VALUES / 4] = progress.values;
    place[layout.INDEX / 4] = progress.index;
    this.#calls.writeRows(this.#batchEnd, this.#batchEnd + limit, valuesMax);
    progress.from = place[layout.IN_AT / 4]! - this.#batchAt;
    progress.at = place[layout.OUT_AT / 4]! - this.#batchEnd;
    progress.values = place[layout.VALUES / 4]!;
    progress.index = place[layout.INDEX / 4]!;
  }
}

const NO_UID = { before: new Uint8Array(0), openingBytes: 0 };

/** The form of rows as bytes of the memory. */
class Pieces {
  readonly #places: { at: number; bytes: Uint8Array }[] = [];
  length = 0;

  /** False where a step writes what only TypeScript can. */
  add({ rows, windowStart, tag, head, lengthBytes, uid, closing }: RowForm): boolean {
    this.#put(layout.WINDOW_START, new Float64Array([windowStart]));
    this.#put(layout.LENGTH_BYTES, new Uint32Array([lengthBytes, this.#piece(head), head.length, tag]));
    const { before, openingBytes } = uid ?? NO_UID;
    this.#put(layout.UID_AT, new Uint32Array([this.#piece(before), before.length, openingBytes]));
    const closingOf = ({ isNumber }: Step) =>
      closing === 'content' ? layout.CONTENT : isNumber ? layout.NUMBER : layout.TEXT;
    return (
      this.#addRow(layout.PLAIN, rows.plain, closingOf) && this.#addRow(layout.ANNOTATED, rows.annotated, closingOf)
    );
  }

  store(buffer: ArrayBuffer): void {
    const memory = new Uint8Array(buffer);
    for (const { at, bytes } of this.#places) memory.set(bytes, at);
  }

  #addRow(at: number, { steps, after, valueBytes }: Row, closingOf: (step: Step) => number): boolean {
    const words: number[] = [];
    for (const step of steps) {
      const { before, openingBytes, field } = step;
      const writer = writerOf(field.write);
      if (writer === undefined) return false;
      words.push(this.#piece(before), before.length, openingBytes, writer, closingOf(step));
    }
    const stepsAt = this.#piece(new Uint8Array(new Uint32Array(words).buffer));
    this.#put(at, new Uint32Array([stepsAt, steps.length, this.#piece(after), after.length, valueBytes]));
    return true;
  }

  /** Answers where it will stand; eight bytes may be read at its last one. */
  #piece(bytes: Uint8Array): number {
    const at = layout.PIECES + this.length;
    this.#put(at, bytes);
    this.length += 8 * Math.ceil(bytes.length / 8);
    return at;
  }

  #put(at: number, { buffer, byteOffset, byteLength }: ArrayBufferView): void {
    this.#places.push({ at, bytes: new Uint8Array(buffer, byteOffset, byteLength) });
  }
}

/** Undefined where Node runs without WebAssembly, or has no room for it. */
export function loadEncoder(): Encoder | undefined {
  if (webAssembly === undefined) return undefined;
  try {
    const pages = { initial: 4, maximum: MEMORY_BYTES_MAX / WASM_PAGE_BYTES };
    const memory = new webAssembly.Memory(pages);
    const module = new webAssembly.Module(readFileSync(join(packageRoot(), 'dist/agent/encoder/encoder.wasm')));
    const { exports } = new webAssembly.Instance(module, { env: { memory } });
    return new Encoder(memory, exports as EncoderCalls);
  } catch {
    return undefined;
  }
}
