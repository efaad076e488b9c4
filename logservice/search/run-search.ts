import type { DuckDBConnection, DuckDBResult, DuckDBValue, Json } from '@duckdb/node-api';
import { JsonDuckDBValueConverter } from '@duckdb/node-api';
import { FIELDS, INTERNAL_FIELDS, otherType, TAG_PREFIX } from '../model/fields.ts';
import { Refusal } from '../model/refusal.ts';
import {
  type CompiledCondition,
  compileCondition,
  fieldColumn,
  internalColumn,
  jsonPointer,
  otherColumn,
} from '../query/compile.ts';
import { QueryProblem } from '../query/condition.ts';
import { quoteDashedNames } from '../query/dashed-names.ts';
import { DOCUMENTED_FIELDS, KnownFields } from '../query/known-fields.ts';
import { type ParsedQuery, parseQuery } from '../query/parse.ts';
import { checkSql, checkWritten } from '../query/sql.ts';
import { folded, LOG_TABLE } from '../query/sql-scope.ts';
import { DATABASE_LIMITS, SEARCH_LIMITS, type SearchRequest, type SearchResult } from './search-request.ts';

/**
 * One search of one topic: `[condition] | [SQL]`, over the tables of the store, which is attached as `store`. Bounded in rows and
 * bytes; its time and memory are bounded by whoever runs its process.
 */
const LOGS = 'store.main.logs l JOIN store.main.packages p ON p.id = l.package';

interface Statement {
  readonly sql: string;
  readonly parameters: DuckDBValue[];
}

export async function runSearch(connection: DuckDBConnection, request: SearchRequest): Promise<SearchResult | Refusal> {
  const started = performance.now();
  const parsed = parseQuery(request.query);
  if (parsed instanceof QueryProblem) return notUnderstood(request.query, parsed);
  const known = new KnownFields(request.otherKeys);
  const unknown = known.unknownIn(parsed.condition);
  for (const name of unknown) {
    const refusal = mistyped(name, known);
    if (refusal !== undefined) return refusal;
  }
  try {
    const statement = await statementOf(connection, request, parsed, known);
    if (statement instanceof Refusal) return statement;
    const result = await connection.stream(statement.sql, statement.parameters);
    const fetched = await fetchRows(result, request.limit);
    const notes = fetched.rows.length === 0 ? await notesOf(connection, request, unknown) : [];
    return { ...fetched, elapsedMs: Math.round(performance.now() - started), notes };
  } catch (error) {
    return queryError(error as Error, parsed, known);
  }
}

async function statementOf(
  connection: DuckDBConnection,
  request: SearchRequest,
  parsed: ParsedQuery,
  known: KnownFields,
): Promise<Statement | Refusal> {
  const { topicId, fromMs, toMs, limit, otherKeys, query } = request;
  const parameters: (string | number | bigint)[] = [topicId, BigInt(fromMs), BigInt(toMs)];
  const condition = compileCondition(parsed.condition, parameters.length + 1);
  if (condition instanceof QueryProblem) return notUnderstood(query, condition);
  parameters.push(...condition.parameters);
  const excluded = compileExcluded(request.exclude, parameters.length + 1);
  if (excluded instanceof Refusal) return excluded;
  parameters.push(...excluded.parameters);
  const from =
    `FROM ${LOGS} ` +
    `WHERE p.topic = $1 AND p.indexed AND l.time BETWEEN $2 AND $3 AND ${condition.sql} AND ${excluded.sql}`;
  if (parsed.sql === undefined) {
    const sql = `SELECT ${logColumns([])} ${from} ORDER BY l.time DESC, l.package DESC, l.pkg_log_id LIMIT ${limit + 1}`;
    return { sql, parameters };
  }
  const written = quoteDashedNames(parsed.sql.text, (name) => known.has(name));
  const checked = checkSql(await serialize(connection, written.text));
  if ('refused' in checked) {
    const position = checked.position === undefined ? undefined : written.original(checked.position);
    return refusedSql(checked.refused, position === undefined ? undefined : parsed.sql.position + position);
  }
  const named = [...otherKeys, ...DOCUMENTED_FIELDS].filter((key) => checked.columns.has(folded(key)));
  const tags = [...checked.columns].filter((name) => name.startsWith(folded(TAG_PREFIX)));
  const tagKeys = await tagKeysOf(connection, topicId, tags);
  const columns = logColumns([...named.map((key) => ['l.other', key, key] as const), ...tagKeys]);
  const filter = await serialize(connection, `WITH ${LOG_TABLE} AS (SELECT ${columns} ${from}) SELECT 1`);
  const reader = await connection.runAndReadAll('SELECT json_deserialize_sql($1::VARCHAR::JSON)', [
    checked.withLogTable(filter),
  ]);
  const sql = inlined(String(reader.getRows()[0]![0]));
  const refused = checkWritten(await serialize(connection, sql));
  return refused === undefined ? { sql, parameters } : refusedSql(refused);
}

/** A field that no log has finds nothing, which looks like an answer. Undefined where no known one is near. */
function mistyped(name: string, known: KnownFields): Refusal | undefined {
  const nearest = known.nearest(name);
  if (nearest === undefined) return undefined;
  return new Refusal('SyntaxError', `There is no field '${name}'; the nearest is '${nearest}'.`);
}

function refusedSql(why: string, position?: number): Refusal {
  return new Refusal('SyntaxError', `The SQL after the bar is refused: ${why}.`, position);
}

/** The tags that the SQL names, in the letters in which they were sent. */
async function tagKeysOf(
  connection: DuckDBConnection,
  topicId: string,
  names: readonly string[],
): Promise<OtherColumn[]> {
  if (names.length === 0) return [];
  const reader = await connection.runAndReadAll(
    'SELECT DISTINCT unnest(json_keys(tags)) FROM store.main.packages WHERE topic = $1 AND tags IS NOT NULL',
    [topicId],
  );
  return reader
    .getRows()
    .map(([key]) => ['p.tags', String(key), TAG_PREFIX + String(key)] as const)
    .filter(([, , name]) => names.includes(folded(name)));
}

/** Why there may be nothing: a field that no log has, or a window of time that is not the logs'. */
async function notesOf(
  connection: DuckDBConnection,
  { topicId, fromMs, toMs }: SearchRequest,
  unknown: readonly string[],
): Promise<readonly string[]> {
  if (unknown.length > 0) return [`No log of the topic ${topicId} has the field ${unknown.join(', ')}.`];
  const reader = await connection.runAndReadAll(
    `SELECT min(l.time), max(l.time) FROM ${LOGS} WHERE p.topic = $1 AND p.indexed`,
    [topicId],
  );
  const [first, last] = reader.getRows()[0] as [bigint | null, bigint | null];
  if (first === null || last === null) return [`The topic ${topicId} holds no logs that can be searched.`];
  if (Number(last) >= fromMs && Number(first) <= toMs) return [];
  const iso = (ms: bigint): string => new Date(Number(ms)).toISOString();
  return [`No log is of that time: those of the topic ${topicId} are from ${iso(first)} to ${iso(last)}.`];
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
    if (taken.has(folded(name))) return;
    taken.add(folded(name));
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

/**
 * Who names the logs twice, as one does for sources and destinations, would have the database make a copy first, of every column of every
 * log, where it needs two of them. The tree of a statement cannot say so: the database forgets it as it writes the text.
 */
function inlined(sql: string): string {
  return sql.replace(AS_WRITTEN, `WITH ${LOG_TABLE} AS NOT MATERIALIZED (`);
}

const AS_WRITTEN = new RegExp(`^WITH ${LOG_TABLE} AS \\(`);

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
): Promise<Pick<SearchResult, 'columns' | 'rows' | 'truncated' | 'truncatedBy'>> {
  const names = result.deduplicatedColumnNames();
  const columns = result.columnTypes().map((type, index) => ({ name: names[index] ?? '', type: type.toString() }));
  const rows: Json[][] = [];
  let bytes = 0;
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const row of chunk.convertRows(toJson)) {
      bytes += JSON.stringify(row).length;
      if (rows.length === limit) return { columns, rows, truncated: true, truncatedBy: 'rows' };
      if (bytes > SEARCH_LIMITS.bytesMax) return { columns, rows, truncated: true, truncatedBy: 'bytes' };
      rows.push(row);
    }
  }
  return { columns, rows, truncated: false, truncatedBy: null };
}

/** Integers as numbers where a number can hold them, as texts where not; everything else as the database's own JSON. */
const toJson: typeof JsonDuckDBValueConverter = (value, type, converter) => {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  return JsonDuckDBValueConverter(value, type, converter);
};

function notUnderstood(query: string, problem: QueryProblem): Refusal {
  const at = problem.position + 1;
  const near = query.slice(problem.position, problem.position + 20).trim();
  const where = near === '' ? `at character ${at}` : `at character ${at} ('${near}')`;
  return new Refusal('SyntaxError', `The query is not understood ${where}: ${problem.message}.`, problem.position);
}

/** In the words of the database. */
const NO_COLUMN =
  /^Binder Error: (?:Referenced column|(?:Table|Values list) "\w+" does not have a column named) "([^"]+)"/;

const OUT_OF_MEMORY = /^Out of Memory Error|bad_alloc/;

function queryError(error: Error, parsed: ParsedQuery, known: KnownFields): Refusal {
  const [, column] = NO_COLUMN.exec(error.message) ?? [];
  const refusal = column === undefined ? undefined : mistyped(column, known);
  if (refusal !== undefined) return refusal;
  if (OUT_OF_MEMORY.test(error.message)) return tooLarge();
  const [line = ''] = error.message.split('\n\n', 1);
  const what = parsed.sql === undefined ? 'The search' : 'The SQL after the bar';
  return new Refusal('QueryError', `${what} failed: ${line.replaceAll('\n', ' ').replace(/\.$/, '')}.`);
}

function tooLarge(): Refusal {
  const { memory, spilled } = DATABASE_LIMITS;
  return new Refusal(
    'QueryError',
    `The search was ended: it needs more than ${memory} MB of memory and ${spilled} MB of temporary files; narrow its time, its ` +
      'condition or its SQL.',
  );
}
