/**
 * What was stored since the last look, as observers see it. Numbers come as doubles, without BigInt, and what a record does not have as NaN.
 */
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import { createObserved, type Observed } from '../../detect/observed.ts';
import { ADDRESS_LENGTH_MAX } from './uploaded-record.ts';

/** Some packages, as they were read. */
export interface Fresh {
  /** Behind them. */
  readonly cursor: bigint;
  readonly chunks: readonly DuckDBDataChunk[];
}

/** Times of a log that has them: of its window. */
export interface Visitor {
  /** Between some records and the next. */
  step(): Promise<void>;
  /** Before the record, and also for ledgers and windows without records. Unix seconds. Answers whether that took long: a step is due. */
  window(start: number, end: number): boolean;
  /** One object for all. */
  record(record: Observed): void;
}

/** Of one look, unless its first package has more: what is read of the database lies in memory while it is visited. */
const LOGS_MAX = 10_000;
const PACKAGES_MAX = 64;
const ROWS_OF_STEP = 64;
const NUMBERS = [
  'srcport',
  'dstport',
  'protocol',
  'packets',
  'bytes',
  'start',
  'end',
  'tcp-flags',
  'icmp-type',
  'icmp-code',
  'first',
] as const;
const ADDRESSES = ['srcaddr', 'dstaddr'] as const;

const ACTIONS = ['ACCEPT', 'REJECT'] as const;
const INITIATORS = ['source', 'destination', 'unknown'] as const;

const NAN = `'NaN'::DOUBLE`;
const COLUMNS = [
  `coalesce("log-status" = 'OK', false)`,
  // A text of a mebibyte does not come here.
  ...ADDRESSES.map((name) => `CASE WHEN strlen("${name}") <= ${ADDRESS_LENGTH_MAX} THEN "${name}" ELSE '' END`),
  codeOf('action', ACTIONS),
  codeOf(`CASE WHEN other LIKE '%"initiator"%' THEN json_extract_string(other, '$.initiator') END`, INITIATORS),
  ...NUMBERS.map((name) => `coalesce("${name}"::DOUBLE, ${NAN})`),
];
const FIRST_NUMBER = COLUMNS.length - NUMBERS.length;

/** Which of the words it is, from 1; 0 for another. */
function codeOf(text: string, words: readonly string[]): string {
  const cases = words.map((word, index) => `WHEN '${word}' THEN ${index + 1}`);
  return `CASE ${text} ${cases.join(' ')} ELSE 0 END`;
}

/** Without a look at texts that are no record: a window's times are columns of its ledger, too. */
const FRESH = `SELECT ${COLUMNS.join(', ')} FROM logs WHERE package >= $1 AND package <= $2
  AND package IN (SELECT id FROM packages WHERE topic = $3 AND indexed AND id >= $1 AND id <= $2)
  AND "start" IS NOT NULL AND "end" IS NOT NULL`;
const NEXT_PACKAGES = `SELECT id, logs FROM packages WHERE id > $1 ORDER BY id LIMIT ${PACKAGES_MAX}`;
const PENDING_LOGS = 'SELECT coalesce(sum(logs), 0)::DOUBLE FROM packages WHERE id > $1';
/** The cursor before the newest of them that have so many logs. */
const NEWEST = `SELECT min(id) - 1 FROM (SELECT id, sum(logs) OVER (ORDER BY id DESC) AS newer FROM packages WHERE id > $1)
  WHERE newer <= $2`;
const RECEIVED_MS = 'SELECT max(received_ms)::DOUBLE FROM packages WHERE id <= $1';
const PACKAGE_SINCE =
  'SELECT coalesce(min(id) - 1, (SELECT coalesce(max(id), 0) FROM packages)) FROM packages WHERE received_ms >= $1';

export class FreshRecords {
  readonly #connection: DuckDBConnection;
  readonly #topic: string;
  readonly #observed = createObserved();

  constructor(connection: DuckDBConnection, topic: string) {
    this.#connection = connection;
    this.#topic = topic;
  }

  /** The cursor before what came from then on. */
  async cursorAt(receivedMs: number): Promise<bigint> {
    const rows = (await this.#connection.runAndReadAll(PACKAGE_SINCE, [BigInt(Math.trunc(receivedMs))])).getRows();
    return rows[0]![0] as bigint;
  }

  /** When the last package up to the cursor came; undefined where none is left. */
  async receivedMs(cursor: bigint): Promise<number | undefined> {
    const rows = (await this.#connection.runAndReadAll(RECEIVED_MS, [cursor])).getRows() as [[number | null]];
    return rows[0][0] ?? undefined;
  }

  /** What of the next packages is behind the cursor; undefined where nothing is. */
  async next(cursor: bigint): Promise<Fresh | undefined> {
    const packages = (await this.#connection.runAndReadAll(NEXT_PACKAGES, [cursor])).getRows() as [bigint, number][];
    const first = packages[0]?.[0];
    if (first === undefined) return undefined;
    const last = lastOf(packages);
    const result = await this.#connection.run(FRESH, [first, last, this.#topic]);
    return { cursor: last, chunks: await result.fetchAllChunks() };
  }

  /** Logs behind the cursor. */
  async pending(cursor: bigint): Promise<number> {
    return (await this.#connection.runAndReadAll(PENDING_LOGS, [cursor])).getRows()[0]![0] as number;
  }

  /** A later cursor, behind which at most so many logs are. */
  async newest(cursor: bigint, logs: number): Promise<bigint> {
    const [[newest]] = (await this.#connection.runAndReadAll(NEWEST, [cursor, logs])).getRows() as [[bigint | null]];
    return newest ?? cursor;
  }

  async visit({ chunks }: Fresh, visitor: Visitor): Promise<void> {
    for (const chunk of chunks) await this.#visitChunk(chunk, visitor);
  }

  async #visitChunk(chunk: DuckDBDataChunk, visitor: Visitor): Promise<void> {
    const columns = COLUMNS.map((_, index) => chunk.getColumnValues(index));
    const record = this.#observed;
    const numbers = columns.slice(FIRST_NUMBER) as number[][];
    const [isRecord, sources, destinations] = columns as [boolean[], string[], string[]];
    const [actions, initiators] = columns.slice(3) as [number[], number[]];
    for (let row = 0; row < chunk.rowCount; row++) {
      if (row % ROWS_OF_STEP === 0) await visitor.step();
      const start = numbers[5]![row]!;
      const end = numbers[6]![row]!;
      if (visitor.window(start, end)) await visitor.step();
      if (!isRecord[row]) continue;
      record.sourceAddress = sources[row]!;
      record.destinationAddress = destinations[row]!;
      record.action = ACTIONS[actions[row]! - 1];
      record.initiator = INITIATORS[initiators[row]! - 1];
      record.sourcePort = orZero(numbers[0]![row]!);
      record.destinationPort = orZero(numbers[1]![row]!);
      record.protocol = orZero(numbers[2]![row]!);
      record.packets = orZero(numbers[3]![row]!);
      record.bytes = orZero(numbers[4]![row]!);
      record.start = start;
      record.end = end;
      record.tcpFlags = known(numbers[7]![row]!);
      record.icmpType = known(numbers[8]![row]!);
      record.icmpCode = known(numbers[9]![row]!);
      record.first = known(numbers[10]![row]!);
      visitor.record(record);
    }
  }
}

/** Of those that are read at once. */
function lastOf(packages: readonly (readonly [id: bigint, logs: number])[]): bigint {
  let logs = 0;
  let last = packages[0]![0];
  for (const [id, count] of packages) {
    logs += count;
    if (logs <= LOGS_MAX) last = id;
  }
  return last;
}

function known(number: number): number | undefined {
  return Number.isNaN(number) ? undefined : number;
}

function orZero(number: number): number {
  return Number.isNaN(number) ? 0 : number;
}
