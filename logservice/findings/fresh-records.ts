/**
 * What was stored since the last look, as observers see it. The database hands it over in its own chunks of 2048 rows, and uploads go on
 * between two of them. Numbers come as doubles, without BigInt, and what a record does not have as NaN.
 */
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import { createObserved, type Observed } from '../../detect/observed.ts';

/** Times of a log that has them: of its window. */
export interface Visitor {
  /** Before the record, and also for ledgers and windows without records. Unix seconds. */
  window(start: number, end: number): void;
  /** One object for all. */
  record(record: Observed): void;
}

/** Of one look: more is left for the next. */
const PACKAGES_MAX = 64;
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
  'handshake-rtt',
  'first',
] as const;
const TEXTS = ['interface-id', 'srcaddr', 'dstaddr', 'action'] as const;

const NAN = `'NaN'::DOUBLE`;
const COLUMNS = [
  `coalesce("log-status" = 'OK', false)`,
  ...TEXTS.map((name) => `coalesce("${name}", '')`),
  `CASE WHEN other LIKE '%"initiator"%' THEN json_extract_string(other, '$.initiator') END`,
  ...NUMBERS.map((name) => `coalesce("${name}"::DOUBLE, ${NAN})`),
];
const FIRST_NUMBER = COLUMNS.length - NUMBERS.length;

/** Without a look at texts that are no record: a window's times are columns of its ledger, too. */
const FRESH = `SELECT ${COLUMNS.join(', ')} FROM logs WHERE package >= $1 AND package <= $2
  AND package IN (SELECT id FROM packages WHERE topic = $3 AND indexed AND id >= $1 AND id <= $2)
  AND "start" IS NOT NULL AND "end" IS NOT NULL`;
const NEXT_PACKAGES = `SELECT min(id), max(id) FROM (SELECT id FROM packages WHERE id > $1 ORDER BY id LIMIT ${PACKAGES_MAX})`;
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
    const { connection } = this;
    const rows = (await connection.runAndReadAll(PACKAGE_SINCE, [BigInt(Math.trunc(receivedMs))])).getRows();
    return rows[0]![0] as bigint;
  }

  /** Visits some of what came after the cursor, and answers the new one; undefined when nothing came. */
  async visit(cursor: bigint, visitor: Visitor): Promise<bigint | undefined> {
    const [[first, last] = []] = (await this.connection.runAndReadAll(NEXT_PACKAGES, [cursor])).getRows();
    if (typeof first !== 'bigint' || typeof last !== 'bigint') return undefined;
    const result = await this.connection.stream(FRESH, [first, last, this.#topic]);
    for (let chunk = await result.fetchChunk(); chunk !== null; chunk = await result.fetchChunk()) {
      if (chunk.rowCount === 0) break;
      this.#visitChunk(chunk, visitor);
    }
    return last;
  }

  private get connection(): DuckDBConnection {
    return this.#connection;
  }

  #visitChunk(chunk: DuckDBDataChunk, visitor: Visitor): void {
    const columns = COLUMNS.map((_, index) => chunk.getColumnValues(index));
    const record = this.#observed;
    const numbers = columns.slice(FIRST_NUMBER) as number[][];
    const [isRecord, interfaceIds, sources, destinations, actions, initiators] = columns as [boolean[], ...string[][]];
    for (let row = 0; row < chunk.rowCount; row++) {
      const start = numbers[5]![row]!;
      const end = numbers[6]![row]!;
      visitor.window(start, end);
      if (!isRecord[row]) continue;
      record.interfaceId = interfaceIds![row]!;
      record.sourceAddress = sources![row]!;
      record.destinationAddress = destinations![row]!;
      record.action = actionOf(actions![row]!);
      record.initiator = initiatorOf(initiators![row]!);
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
      record.handshakeRtt = known(numbers[10]![row]!);
      record.first = known(numbers[11]![row]!);
      visitor.record(record);
    }
  }
}

function known(number: number): number | undefined {
  return Number.isNaN(number) ? undefined : number;
}

function orZero(number: number): number {
  return Number.isNaN(number) ? 0 : number;
}

function actionOf(text: string): Observed['action'] {
  return text === 'ACCEPT' || text === 'REJECT' ? text : undefined;
}

function initiatorOf(text: string | null): Observed['initiator'] {
  return text === 'source' || text === 'destination' || text === 'unknown' ? text : undefined;
}
