import { BIGINT, DuckDBDataChunk, type DuckDBType, type DuckDBValue, INTEGER, VARCHAR } from '@duckdb/node-api';
import { ADDED_COLUMNS, FIELDS, FIRST_COLUMNS } from './fields.ts';
import type { Log } from './log-groups.ts';
import { timeMs } from './log-groups.ts';

/**
 * Gathers rows of the table `logs` as columns, in chunks of the database's own size: handing over whole chunks is several
 * times faster than one value after the other. Hot: fourteen values for each of up to 10,000 logs of an upload.
 */
export const CHUNK_ROWS = 2048;

interface Column {
  readonly type: DuckDBType;
  readonly values: DuckDBValue[];
}

const COLUMNS = [...FIRST_COLUMNS, ...ADDED_COLUMNS];
const PLACE_OF: ReadonlyMap<string, number> = new Map(COLUMNS.map(({ name }, index) => [name, index]));

const PACKAGE = PLACE_OF.get('package')!;
const INDEX_IN_PACKAGE = PLACE_OF.get('pkg_log_id')!;
const TIME = PLACE_OF.get('time')!;
const OTHER = PLACE_OF.get('other')!;

/** Where the fields are; a key of a log may be called as one of the four above, and is no field then. */
const SLOT_OF: ReadonlyMap<string, number> = new Map(FIELDS.map(({ name }) => [name, PLACE_OF.get(name)!]));
const IS_LONG: readonly boolean[] = COLUMNS.map(({ type }) => type === 'BIGINT');
const DATABASE_TYPES = { BIGINT, INTEGER, VARCHAR } as const;

/** Ports, protocols and most counters: made once, for a BigInt of its own for each would be half of the work. */
const SMALL: readonly bigint[] = Array.from({ length: 65_536 }, (_, value) => BigInt(value));

export class RowBuffer {
  readonly #chunk: DuckDBDataChunk;
  readonly #columns: readonly Column[];
  readonly #append: (chunk: DuckDBDataChunk) => void;
  readonly #onOtherKey: (key: string) => void;
  #rows = 0;

  /**
   * @param append takes a full chunk, which is used again afterwards
   * @param onOtherKey hears of every key that has no column, each time
   */
  constructor(append: (chunk: DuckDBDataChunk) => void, onOtherKey: (key: string) => void) {
    const types = COLUMNS.map(({ type }) => DATABASE_TYPES[type]);
    this.#columns = types.map((type) => ({ type, values: new Array<DuckDBValue>(CHUNK_ROWS).fill(null) }));
    this.#chunk = DuckDBDataChunk.create(types);
    this.#append = append;
    this.#onOtherKey = onOtherKey;
  }

  add(packageId: bigint, indexInPackage: number, log: Log): void {
    const row = this.#rows;
    const columns = this.#columns;
    columns[PACKAGE]!.values[row] = packageId;
    columns[INDEX_IN_PACKAGE]!.values[row] = indexInPackage;
    columns[TIME]!.values[row] = BigInt(timeMs(log.time));
    let other: Record<string, string> | undefined;
    for (const { key, value } of log.contents) {
      const slot = SLOT_OF.get(key);
      if (slot !== undefined) {
        const typed = IS_LONG[slot] ? integerOf(value) : value;
        if (typed !== undefined) {
          columns[slot]!.values[row] = typed;
          continue;
        }
      } else {
        this.#onOtherKey(key);
      }
      // Without a prototype, or a key called __proto__ would be lost.
      other ??= Object.create(null) as Record<string, string>;
      other[key] = value;
    }
    if (other !== undefined) columns[OTHER]!.values[row] = JSON.stringify(other);
    this.#rows = row + 1;
    if (this.#rows === CHUNK_ROWS) this.flush();
  }

  /** Hands over what was gathered. */
  flush(): void {
    const rows = this.#rows;
    if (rows === 0) return;
    this.#chunk.reset();
    this.#chunk.rowCount = rows;
    for (const [index, { values }] of this.#columns.entries()) {
      const vector = this.#chunk.getColumnVector(index);
      for (let row = 0; row < rows; row++) vector.setItem(row, values[row] ?? null);
      vector.flush();
      values.fill(null, 0, rows);
    }
    this.#rows = 0;
    this.#append(this.#chunk);
  }

  /** Forgets what was gathered. */
  clear(): void {
    for (const { values } of this.#columns) values.fill(null);
    this.#rows = 0;
  }
}

/** The integer whose canonical text this is; undefined for any other text. */
function integerOf(text: string): bigint | undefined {
  const length = text.length;
  const negative = text.charCodeAt(0) === 45; /* - */
  const first = negative ? 1 : 0;
  if (length === first || length > first + 15) return undefined;
  let value = 0;
  for (let at = first; at < length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  const leadingZero = text.charCodeAt(first) === 48 && length > first + 1;
  if (leadingZero || (negative && value === 0)) return undefined;
  if (negative) return BigInt(-value);
  return value < SMALL.length ? SMALL[value] : BigInt(value);
}
