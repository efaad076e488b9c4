import { BIGINT, DuckDBDataChunk, type DuckDBValue, INTEGER, VARCHAR } from '@duckdb/node-api';
import { FIELDS, type StoredColumn } from '../model/fields.ts';
import type { Log } from '../upload/log-groups.ts';
import { timeMs } from '../upload/log-groups.ts';

/**
 * Gathers rows of the table `logs` as columns, in chunks of the database's own size: handing over whole chunks is several
 * times faster than one value after the other. Hot: fourteen values for each of up to 10,000 logs of an upload.
 */
export const CHUNK_ROWS = 2048;

interface Column {
  readonly isLong: boolean;
  readonly values: DuckDBValue[];
}

const DATABASE_TYPES = { BIGINT, INTEGER, VARCHAR } as const;

/** Ports, protocols and most counters: made once, for a BigInt of its own for each would be half of the work. */
const SMALL: readonly bigint[] = Array.from({ length: 65_536 }, (_, value) => BigInt(value));

export class RowBuffer {
  readonly #chunk: DuckDBDataChunk;
  readonly #columns: readonly Column[];
  readonly #package: DuckDBValue[];
  readonly #indexInPackage: DuckDBValue[];
  readonly #time: DuckDBValue[];
  readonly #other: DuckDBValue[];
  /** By the names of fields; a key of a log may be called as one of the four above, and is no field then. */
  readonly #fields: ReadonlyMap<string, Column>;
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
    this.#columns = stored.map(({ type }) => ({
      isLong: type === 'BIGINT',
      values: new Array<DuckDBValue>(CHUNK_ROWS).fill(null),
    }));
    const column = (name: string) => this.#columns[stored.findIndex((each) => each.name === name)]!;
    this.#package = column('package').values;
    this.#indexInPackage = column('pkg_log_id').values;
    this.#time = column('time').values;
    this.#other = column('other').values;
    this.#fields = new Map(FIELDS.map(({ name }) => [name, column(name)]));
    this.#chunk = DuckDBDataChunk.create(stored.map(({ type }) => DATABASE_TYPES[type]));
    this.#append = append;
    this.#onOtherKey = onOtherKey;
  }

  add(packageId: bigint, indexInPackage: number, log: Log): void {
    const row = this.#rows;
    this.#package[row] = packageId;
    this.#indexInPackage[row] = indexInPackage;
    this.#time[row] = BigInt(timeMs(log.time));
    let other: Record<string, string> | undefined;
    for (const { key, value } of log.contents) {
      const column = this.#fields.get(key);
      if (column !== undefined) {
        const typed = column.isLong ? integerOf(value) : value;
        if (typed !== undefined) {
          column.values[row] = typed;
          continue;
        }
      } else {
        this.#onOtherKey(key);
      }
      // Without a prototype, or a key called __proto__ would be lost.
      other ??= Object.create(null) as Record<string, string>;
      other[key] = value;
    }
    if (other !== undefined) this.#other[row] = JSON.stringify(other);
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
