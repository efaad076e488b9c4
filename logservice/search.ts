import type { DuckDBConnection, DuckDBResult, DuckDBValue, Json } from '@duckdb/node-api';
import { JsonDuckDBValueConverter } from '@duckdb/node-api';
import { FIELDS, INTERNAL_FIELDS, otherType, TAG_PREFIX } from './fields.ts';
import {
  type CompiledCondition,
  compileCondition,
  fieldColumn,
  internalColumn,
  jsonPointer,
  otherColumn,
} from './query/compile.ts';
import { QueryProblem } from './query/condition.ts';
import { type ParsedQuery, parseQuery } from './query/parse.ts';
import { checkSql } from './query/sql.ts';
import { LOG_TABLE } from './query/sql-scope.ts';
import { Refusal } from './refusal.ts';
import type { Store } from './store.ts';
import type { Topic } from './topics.ts';

/**
 * Searches of one topic: `[condition] | [SQL]`. Bounded in time, rows, bytes, and how many run at once.
 */
export const SEARCH_LIMITS = {
  rowsDefault: 100,
  rowsMax: 10_000,
  /** JSON of the rows (the documented answer ends at 49 MB). */
  bytesMax: 49_000_000,
  timeoutMs: 30_000,
  concurrent: 2,
  /** The documented number of searches of a topic at a time; the ones that do not run wait. */
  waiting: 15,
} as const;

export interface SearchRequest {
  readonly topic: Topic;
  readonly query: string;
  /** A condition whose logs are left out; empty for none. */
  readonly exclude: string;
  /** Time of the logs, both inclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
  /** Keys without a column that the topic has seen. */
  readonly otherKeys: ReadonlySet<string>;
  /** The asker went away. */
  readonly signal: AbortSignal;
}

export interface SearchColumn {
  readonly name: string;
  /** Of the database: VARCHAR, BIGINT, DOUBLE, TIMESTAMP... */
  readonly type: string;
}

export interface SearchResult {
  readonly columns: readonly SearchColumn[];
  readonly rows: readonly (readonly Json[])[];
  /** There was more than the limits let through. */
  readonly truncated: boolean;
  readonly elapsedMs: number;
  /** Sentences about what the asker may not expect. */
  readonly notes: readonly string[];
}

interface Statement {
  readonly sql: string;
  readonly parameters: DuckDBValue[];
}

export class Searches {
  readonly #store: Store;
  readonly #timeoutMs: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(store: Store, timeoutMs: number = SEARCH_LIMITS.timeoutMs) {
    this.#store = store;
    this.#timeoutMs = timeoutMs;
  }

  async run(request: SearchRequest): Promise<SearchResult | Refusal> {
    if (!request.topic.index) return indexOff(request.topic);
    const parsed = parseQuery(request.query);
    if (parsed instanceof QueryProblem) return notUnderstood(request.query, parsed);
    if (this.#running >= SEARCH_LIMITS.concurrent && this.#waiting.length >= SEARCH_LIMITS.waiting) {
      return new Refusal('SpeedQuotaExceed', `${SEARCH_LIMITS.waiting} searches wait already; try again later.`);
    }
    await this.#enter();
    try {
      return await this.#search(request, parsed);
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < SEARCH_LIMITS.concurrent) this.#running += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    // The next one takes the place over.
    if (next === undefined) this.#running -= 1;
    else next();
  }

  async #search(request: SearchRequest, parsed: ParsedQuery): Promise<SearchResult | Refusal> {
    if (request.signal.aborted) return timedOut(0);
    const started = performance.now();
    const connection = await this.#store.connect();
    let expired = false;
    const interrupt = (): void => {
      expired = true;
      connection.interrupt();
    };
    let repeat: NodeJS.Timeout | undefined;
    // Again and again, because an interrupt between two steps of a search is forgotten.
    const timer = setTimeout(() => {
      interrupt();
      repeat = setInterval(interrupt, 100);
    }, this.#timeoutMs);
    request.signal.addEventListener('abort', interrupt, { once: true });
    try {
      const statement = await this.#statement(connection, request, parsed);
      if (statement instanceof Refusal) return statement;
      const result = await connection.stream(statement.sql, statement.parameters);
      const fetched = await fetchRows(result, request.limit);
      const notes = fetched.rows.length === 0 ? await this.#notes(request) : [];
      return { ...fetched, elapsedMs: Math.round(performance.now() - started), notes };
    } catch (error) {
      return expired ? timedOut(this.#timeoutMs) : queryError(error as Error, parsed);
    } finally {
      clearTimeout(timer);
      clearInterval(repeat);
      request.signal.removeEventListener('abort', interrupt);
      connection.closeSync();
    }
  }

  async #statement(
    connection: DuckDBConnection,
    request: SearchRequest,
    parsed: ParsedQuery,
  ): Promise<Statement | Refusal> {
    const { topic, fromMs, toMs, limit, otherKeys, query } = request;
    const parameters: (string | number | bigint)[] = [topic.id, BigInt(fromMs), BigInt(toMs)];
    const condition = compileCondition(parsed.condition, parameters.length + 1);
    if (condition instanceof QueryProblem) return notUnderstood(query, condition);
    parameters.push(...condition.parameters);
    const excluded = compileExcluded(request.exclude, parameters.length + 1);
    if (excluded instanceof Refusal) return excluded;
    parameters.push(...excluded.parameters);
    const from =
      'FROM logs l JOIN packages p ON p.id = l.package ' +
      `WHERE p.topic = $1 AND p.indexed AND l.time BETWEEN $2 AND $3 AND ${condition.sql} AND ${excluded.sql}`;
    if (parsed.sql === undefined) {
      const sql = `SELECT ${logColumns([])} ${from} ORDER BY l.time DESC, l.package DESC, l.pkg_log_id LIMIT ${limit + 1}`;
      return { sql, parameters };
    }
    const checked = checkSql(await serialize(connection, parsed.sql.text));
    if ('refused' in checked) {
      const position = checked.position === undefined ? undefined : parsed.sql.position + checked.position;
      return new Refusal('SyntaxError', `The SQL after the bar is refused: ${checked.refused}.`, position);
    }
    const named = [...otherKeys].filter((key) => checked.columns.has(key.toLowerCase()));
    const tags = [...checked.columns].filter((name) => name.startsWith(TAG_PREFIX.toLowerCase()));
    const tagKeys = await this.#tagKeys(connection, topic, tags);
    const columns = logColumns([...named.map((key) => ['l.other', key, key] as const), ...tagKeys]);
    const filter = await serialize(connection, `WITH ${LOG_TABLE} AS (SELECT ${columns} ${from}) SELECT 1`);
    const reader = await connection.runAndReadAll('SELECT json_deserialize_sql($1::VARCHAR::JSON)', [
      checked.withLogTable(filter),
    ]);
    return { sql: String(reader.getRows()[0]![0]), parameters };
  }

  /** The tags that the SQL names, in the letters in which they were sent. */
  async #tagKeys(connection: DuckDBConnection, topic: Topic, names: readonly string[]): Promise<OtherColumn[]> {
    if (names.length === 0) return [];
    const reader = await connection.runAndReadAll(
      'SELECT DISTINCT unnest(json_keys(tags)) FROM packages WHERE topic = $1 AND tags IS NOT NULL',
      [topic.id],
    );
    return reader
      .getRows()
      .map(([key]) => ['p.tags', String(key), TAG_PREFIX + String(key)] as const)
      .filter(([, , name]) => names.includes(name.toLowerCase()));
  }

  /** Why there may be nothing: the commonest reason is a window of time that is not the logs'. */
  async #notes({ topic, fromMs, toMs }: SearchRequest): Promise<string[]> {
    const connection = await this.#store.connect();
    try {
      const reader = await connection.runAndReadAll(
        'SELECT min(l.time), max(l.time) FROM logs l JOIN packages p ON p.id = l.package WHERE p.topic = $1 AND p.indexed',
        [topic.id],
      );
      const [first, last] = reader.getRows()[0] as [bigint | null, bigint | null];
      if (first === null || last === null) return [`The topic ${topic.id} holds no logs that can be searched.`];
      if (Number(last) >= fromMs && Number(first) <= toMs) return [];
      const iso = (ms: bigint): string => new Date(Number(ms)).toISOString();
      return [`No log is of that time: those of the topic ${topic.id} are from ${iso(first)} to ${iso(last)}.`];
    } finally {
      connection.closeSync();
    }
  }
}

function compileExcluded(exclude: string, firstParameter: number): CompiledCondition | Refusal {
  if (exclude === '') return { sql: 'true', parameters: [] };
  const parsed = parseQuery(exclude);
  if (parsed instanceof QueryProblem) return notUnderstood(exclude, parsed);
  const compiled = compileCondition(parsed.condition, firstParameter);
  if (compiled instanceof QueryProblem) return notUnderstood(exclude, compiled);
  return { sql: `NOT coalesce(${compiled.sql}, false)`, parameters: compiled.parameters };
}

type OtherColumn = readonly [column: 'l.other' | 'p.tags', key: string, name: string];

/** The columns of the table of logs; of two names that differ in case only the first, because SQL does not tell them apart. */
function logColumns(others: readonly OtherColumn[]): string {
  const taken = new Set<string>();
  const columns: string[] = [];
  const add = (sql: string, name: string): void => {
    if (taken.has(name.toLowerCase())) return;
    taken.add(name.toLowerCase());
    columns.push(`${sql} AS ${quoted(name)}`);
  };
  add('make_timestamp(l.time * 1000)', 'time');
  for (const { name } of FIELDS) add(fieldColumn(name), name);
  add('l.other', 'other');
  for (const { name } of INTERNAL_FIELDS) add(internalColumn(name), name);
  add('p.tags', '__TAGS__');
  for (const [column, key, name] of others) {
    const pointer = `'${jsonPointer(key).replaceAll("'", "''")}'`;
    add(column === 'l.other' ? otherColumn(pointer, otherType(key)) : `json_extract_string(p.tags, ${pointer})`, name);
  }
  return columns.join(', ');
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

async function serialize(connection: DuckDBConnection, sql: string): Promise<string> {
  const reader = await connection.runAndReadAll('SELECT json_serialize_sql($1::VARCHAR)', [sql]);
  return String(reader.getRows()[0]![0]);
}

async function fetchRows(
  result: DuckDBResult,
  limit: number,
): Promise<Pick<SearchResult, 'columns' | 'rows' | 'truncated'>> {
  const names = result.deduplicatedColumnNames();
  const columns = result.columnTypes().map((type, index) => ({ name: names[index] ?? '', type: type.toString() }));
  const rows: Json[][] = [];
  let bytes = 0;
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const row of chunk.convertRows(toJson)) {
      bytes += JSON.stringify(row).length;
      if (rows.length === limit || bytes > SEARCH_LIMITS.bytesMax) return { columns, rows, truncated: true };
      rows.push(row);
    }
  }
  return { columns, rows, truncated: false };
}

/** Integers as numbers where a number can hold them, as texts where not; everything else as the database's own JSON. */
const toJson: typeof JsonDuckDBValueConverter = (value, type, converter) => {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  return JsonDuckDBValueConverter(value, type, converter);
};

function indexOff(topic: Topic): Refusal {
  return new Refusal(
    'IndexNotExist',
    `The index of the topic ${topic.id} is off: its logs are stored and cannot be searched. Switch it on with ` +
      `flowlogd logservice --topic ${topic.id},index=on; only logs that are written from then on are found.`,
  );
}

function notUnderstood(query: string, problem: QueryProblem): Refusal {
  const at = problem.position + 1;
  const near = query.slice(problem.position, problem.position + 20).trim();
  const where = near === '' ? `at character ${at}` : `at character ${at} ('${near}')`;
  return new Refusal('SyntaxError', `The query is not understood ${where}: ${problem.message}.`, problem.position);
}

function timedOut(timeoutMs: number): Refusal {
  return new Refusal(
    'SearchTimeout',
    `The search was ended after ${timeoutMs / 1000} seconds; narrow its time or its condition.`,
  );
}

function queryError(error: Error, parsed: ParsedQuery): Refusal {
  const [line = ''] = error.message.split('\n\n', 1);
  const what = parsed.sql === undefined ? 'The search' : 'The SQL after the bar';
  return new Refusal('QueryError', `${what} failed: ${line.replaceAll('\n', ' ').replace(/\.$/, '')}.`);
}
