/**
 * Columns of one chunk, in the layout of the database, so that they are handed over by copies of whole columns: a call for each
 * value was most of what storing a log cost.
 *
 *     validity  one bit a row, set where there is a value
 *     BIGINT    8 bytes a row, little endian
 *     INTEGER   4 bytes a row
 *     VARCHAR   16 bytes a row: length(4), and up to 12 bytes of text; a longer text is handed over by itself
 */
import duckdb, { type Vector } from '@duckdb/node-bindings';
import protobuf from 'protobufjs';

const TWO_TO_32 = 2 ** 32;

abstract class Column {
  readonly #validity: Uint8Array<ArrayBuffer>;
  /** What the vector holds, row by row. */
  protected abstract readonly data: Uint8Array<ArrayBuffer>;

  constructor(rowsMax: number) {
    this.#validity = new Uint8Array(8 * Math.ceil(rowsMax / 64));
  }

  protected mark(row: number): void {
    this.#validity[row >>> 3]! |= 1 << (row & 7);
  }

  /** Copies all rows into a vector of a chunk. */
  copyTo(vector: Vector): void {
    duckdb.copy_data_to_vector(vector, 0, this.data.buffer, 0, this.data.length);
    duckdb.vector_ensure_validity_writable(vector);
    duckdb.copy_data_to_vector_validity(vector, 0, this.#validity.buffer, 0, this.#validity.length);
  }

  clear(): void {
    this.#validity.fill(0);
  }
}

/** Of whole numbers, up to 2^53 either way. */
export class BigintColumn extends Column {
  readonly #words: Int32Array<ArrayBuffer>;
  protected readonly data: Uint8Array<ArrayBuffer>;

  constructor(rowsMax: number) {
    super(rowsMax);
    this.#words = new Int32Array(2 * rowsMax);
    this.data = new Uint8Array(this.#words.buffer);
  }

  set(row: number, value: number): void {
    const high = Math.floor(value / TWO_TO_32);
    this.#words[2 * row] = value - high * TWO_TO_32;
    this.#words[2 * row + 1] = high;
    this.mark(row);
  }
}

export class IntegerColumn extends Column {
  readonly #words: Int32Array<ArrayBuffer>;
  protected readonly data: Uint8Array<ArrayBuffer>;

  constructor(rowsMax: number) {
    super(rowsMax);
    this.#words = new Int32Array(rowsMax);
    this.data = new Uint8Array(this.#words.buffer);
  }

  set(row: number, value: number): void {
    this.#words[row] = value;
    this.mark(row);
  }
}

const TEXT_BYTES = 16;
const INLINE_BYTES_MAX = 12;

export class TextColumn extends Column {
  readonly #lengths: Int32Array<ArrayBuffer>;
  protected readonly data: Uint8Array<ArrayBuffer>;
  readonly #long: { readonly row: number; readonly text: Uint8Array | string }[] = [];

  constructor(rowsMax: number) {
    super(rowsMax);
    this.#lengths = new Int32Array((TEXT_BYTES / 4) * rowsMax);
    this.data = new Uint8Array(this.#lengths.buffer);
  }

  /** The text from `from` to `to` of UTF-8, which is not looked at again after `copyTo`; what is no UTF-8 becomes U+FFFD. */
  setBytes(row: number, bytes: Uint8Array, from: number, to: number): void {
    this.#forget(row);
    if (to - from > INLINE_BYTES_MAX) {
      this.#setLong(
        row,
        isAscii(bytes, from, to) ? bytes.subarray(from, to) : protobuf.util.utf8.read(bytes, from, to),
      );
      return;
    }
    const at = TEXT_BYTES * row + 4;
    let bits = 0;
    for (let i = 0; i < INLINE_BYTES_MAX; i++) {
      const byte = from + i < to ? bytes[from + i]! : 0;
      this.data[at + i] = byte;
      bits |= byte;
    }
    if (bits > 0x7f) {
      this.#setLong(row, protobuf.util.utf8.read(bytes, from, to));
      return;
    }
    this.#lengths[(TEXT_BYTES / 4) * row] = to - from;
    this.mark(row);
  }

  set(row: number, text: string): void {
    this.#forget(row);
    this.#setLong(row, text);
  }

  override copyTo(vector: Vector): void {
    super.copyTo(vector);
    for (const { row, text } of this.#long) {
      if (typeof text === 'string') duckdb.vector_assign_string_element(vector, row, text);
      else duckdb.vector_assign_string_element_len(vector, row, text);
    }
  }

  override clear(): void {
    super.clear();
    this.#long.length = 0;
  }

  /** What the row, which is the last one, was given before. */
  #forget(row: number): void {
    if (this.#long.at(-1)?.row === row) this.#long.pop();
  }

  /** Until it is handed over the row holds an empty text. */
  #setLong(row: number, text: Uint8Array | string): void {
    this.data.fill(0, TEXT_BYTES * row, TEXT_BYTES * (row + 1));
    this.#long.push({ row, text });
    this.mark(row);
  }
}

function isAscii(bytes: Uint8Array, from: number, to: number): boolean {
  let bits = 0;
  for (let at = from; at < to; at++) bits |= bytes[at]!;
  return bits < 0x80;
}
