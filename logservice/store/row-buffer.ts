import { BIGINT, DuckDBDataChunk, INTEGER, VARCHAR } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { FIELDS, type StoredColumn } from '../model/fields.ts';
import { timeMs } from '../upload/log-groups.ts';
import type { LogView } from '../upload/log-view.ts';
import { BigintColumn, IntegerColumn, TextColumn } from './columns.ts';

/**
 * Gathers rows of the table `logs` as columns, in chunks of the database's own size: handing over whole chunks is several
 * times faster than one value after the other. Hot: fourteen values for each of up to 10,000 logs of an upload.
 */
export const CHUNK_ROWS = 2048;

const DATABASE_TYPES = { BIGINT, INTEGER, VARCHAR } as const;

type FieldColumn = BigintColumn | TextColumn;

/** A key as logs have it, and its column; undefined for one that has none. */
interface KnownKey {
  readonly bytes: Uint8Array;
  readonly column: FieldColumn | undefined;
}

export class RowBuffer {
  readonly #chunk: DuckDBDataChunk;
  readonly #columns: readonly (FieldColumn | IntegerColumn)[];
  readonly #package: BigintColumn;
  readonly #indexInPackage: IntegerColumn;
  readonly #time: BigintColumn;
  readonly #other: TextColumn;
  /** By the names of fields; a key of a log may be called as one of the four above, and is no field then. */
  readonly #fields: ReadonlyMap<string, FieldColumn>;
  /** Of the log before, in its order: the next one has mostly the same. */
  readonly #keys: KnownKey[] = [];
  readonly #append: (chunk: DuckDBDataChunk) => void;
  readonly #onOtherKey: (key: string) => void;
  #rows = 0;

  /**
   * @param stored the columns of the table, in its order
   * @param append takes a full chunk, which is used again afterwards
   * @param onOtherKey hears of every key that has no column, each time
   */
  constructor(
    stored: readonly StoredColumn[],
    append: (chunk: DuckDBDataChunk) => void,
    onOtherKey: (key: string) => void,
  ) {
    this.#package = new BigintColumn(CHUNK_ROWS);
    this.#indexInPackage = new IntegerColumn(CHUNK_ROWS);
    this.#time = new BigintColumn(CHUNK_ROWS);
    this.#other = new TextColumn(CHUNK_ROWS);
    const own = new Map<string, FieldColumn | IntegerColumn>([
      ['package', this.#package],
      ['pkg_log_id', this.#indexInPackage],
      ['time', this.#time],
      ['other', this.#other],
    ]);
    const types = new Map(stored.map(({ name, type }) => [name, type]));
    this.#fields = new Map(
      FIELDS.map(({ name }) => [
        name,
        types.get(name) === 'BIGINT' ? new BigintColumn(CHUNK_ROWS) : new TextColumn(CHUNK_ROWS),
      ]),
    );
    this.#columns = stored.map(({ name }) => own.get(name) ?? this.#fields.get(name)!);
    this.#chunk = DuckDBDataChunk.create(stored.map(({ type }) => DATABASE_TYPES[type]));
    this.#append = append;
    this.#onOtherKey = onOtherKey;
  }

  add(packageId: number, indexInPackage: number, log: LogView): void {
    const row = this.#rows;
    this.#package.set(row, packageId);
    this.#indexInPackage.set(row, indexInPackage);
    this.#time.set(row, timeMs(log.time));
    let other: Record<string, string> | undefined;
    for (let index = 0; index < log.count; index++) {
      const column = this.#columnOf(log, index);
      if (column !== undefined && setValue(column, row, log, index)) continue;
      const key = log.key(index);
      if (column === undefined) this.#onOtherKey(key);
      // Without a prototype, or a key called __proto__ would be lost.
      other ??= Object.create(null) as Record<string, string>;
      other[key] = log.value(index);
    }
    if (other !== undefined) this.#other.set(row, JSON.stringify(other));
    this.#rows = row + 1;
    if (this.#rows === CHUNK_ROWS) this.flush();
  }

  /** Hands over what was gathered. */
  flush(): void {
    if (this.#rows === 0) return;
    this.#chunk.reset();
    this.#chunk.rowCount = this.#rows;
    for (const [index, column] of this.#columns.entries())
      column.copyTo(duckdb.data_chunk_get_vector(this.#chunk.chunk, index));
    this.clear();
    this.#append(this.#chunk);
  }

  /** Forgets what was gathered. */
  clear(): void {
    for (const column of this.#columns) column.clear();
    this.#rows = 0;
  }

  #columnOf(log: LogView, index: number): FieldColumn | undefined {
    const known = this.#keys[index];
    if (known !== undefined && isKey(known.bytes, log, index)) return known.column;
    const column = this.#fields.get(log.key(index));
    const bytes = log.body.subarray(log.keyFrom[index]!, log.keyTo[index]!);
    if (index < KEYS_KNOWN_MAX && bytes.length <= KEY_KNOWN_BYTES_MAX)
      this.#keys[index] = { bytes: bytes.slice(), column };
    return column;
  }
}

/** More than a log has of our fields, and longer than their names: senders choose how many keys they have, and how long those are. */
const KEYS_KNOWN_MAX = 128;
const KEY_KNOWN_BYTES_MAX = 64;

function isKey(bytes: Uint8Array, { body, keyFrom, keyTo }: LogView, index: number): boolean {
  const from = keyFrom[index]!;
  if (keyTo[index]! - from !== bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (body[from + i] !== bytes[i]) return false;
  return true;
}

/** False where the text is not of the column's type. */
function setValue(column: FieldColumn, row: number, log: LogView, index: number): boolean {
  const from = log.valueFrom[index]!;
  const to = log.valueTo[index]!;
  if (column instanceof TextColumn) {
    column.setBytes(row, log.body, from, to);
    return true;
  }
  const value = integerOf(log.body, from, to);
  if (value === undefined) return false;
  column.set(row, value);
  return true;
}

const MINUS = 0x2d;
const ZERO = 0x30;
const DIGITS_MAX = 15;

/** The integer whose canonical text this is; undefined for any other text. */
function integerOf(bytes: Uint8Array, from: number, to: number): number | undefined {
  const isNegative = bytes[from] === MINUS && to > from;
  const first = isNegative ? from + 1 : from;
  if (to === first || to > first + DIGITS_MAX) return undefined;
  let value = 0;
  for (let at = first; at < to; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  const hasLeadingZero = bytes[first] === ZERO && to > first + 1;
  if (hasLeadingZero || (isNegative && value === 0)) return undefined;
  return isNegative ? -value : value;
}
