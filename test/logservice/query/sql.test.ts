import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AGGREGATES,
  OPERATORS,
  SCALAR_FUNCTIONS,
  TABLE_FUNCTIONS,
  WINDOW_FUNCTIONS,
} from '../../../logservice/query/sql-functions.ts';
import { SearchedStore } from '../searched-store.ts';

let store: SearchedStore;

const BASE_MS = 1_700_000_000_000;
/** Of another topic, and of another time: no search of the tests below may show them. */
const HIDDEN = ['hidden-topic', 'hidden-time'];

beforeAll(async () => {
  const log = (n: string, bytes: number, time: number) => ({
    time,
    contents: { n, bytes: String(bytes), srcport: '1' },
  });
  store = await SearchedStore.of({
    flowlog: [
      { source: 'host-1', logs: [log('a', 10, BASE_MS), log('b', 20, BASE_MS + 1)] },
      { source: HIDDEN[1]!, logs: [log(HIDDEN[1]!, 70, BASE_MS + 10_000)] },
    ],
    other: [{ source: HIDDEN[0]!, logs: [log(HIDDEN[0]!, 700, BASE_MS)] }],
  });
});
afterAll(() => store.remove());

/** Over the logs a and b. */
const ask = (sql: string) => store.search(`| ${sql}`, { fromMs: BASE_MS, toMs: BASE_MS + 1000 });

describe('SQL that leaves its topic and time is refused', () => {
  test.each([
    // A name of WITH that is not in scope where it is used.
    'select * from logs where 1 in (with logs as (select 1) select * from logs)',
    'select * from logs union all (with logs as (select 1 as a) select * from log)',
    'with x as (with packages as (select 1) select * from packages) select source from packages',
    'with x as (select * from logs), logs as (select 1) select * from x',
    'with logs as (select * from logs) select * from logs',
    'with recursive logs as (select * from logs union all select * from logs) select * from logs',
    'with recursive logs as (select * from logs) select * from logs',
    'select * from (with other_keys as (select 1) select 1) a, other_keys',
    'select (select max(source) from packages), (with packages as (select 1) select 1)',
    'select * from log, lateral (with logs as (select 1 as q) select q) x, logs',
    // A name with a schema is never one of WITH.
    'with logs as (select 1) select * from main.logs',
    'with logs as (select 1) select * from logs.main.logs',
    'with pg_class as (select 1) select * from pg_catalog.pg_class',
    'with duckdb_tables as (select 1) select * from temp.duckdb_tables',
    // The catalog.
    'select * from pg_class',
    'select * from pg_catalog.pg_tables',
    'select * from sqlite_master',
    'select * from sqlite_schema',
    'select * from duckdb_columns',
    'select * from information_schema.columns',
    'select * from pragma_database_list',
    'select * from duckdb_databases()',
    "select * from pragma_table_info('logs')",
    "select * from pragma_storage_info('logs')",
    'select * from duckdb_secrets()',
    'select * from duckdb_functions()',
    'select * from log where n in (from duckdb_tables)',
    'select * from log order by (select count(*) from logs)',
    'select * from log limit (select count(*) from logs)',
    'select distinct on ((select max(n) from logs)) n from log',
    'select * from log qualify row_number() over (order by (select count(*) from logs)) = 1',
    'select sum(bytes) over (order by (select count(*) from logs)) from log',
    'select sum(bytes) filter (where (select true from logs)) from log',
    'select string_agg(n order by (select count(*) from logs)) from log',
    'select case when (select true from logs) then 1 end from log',
    'select * replace ((select max(source) from packages) as n) from log',
    'select columns((select max(source) from packages)) from log',
    'select * from log pivot (max((select max(source) from packages)) for n in (1))',
    'select * from logs pivot (max(n) for n in (1))',
    'from (values ((select max(source) from packages)))',
    'select * from log a join log b on (select true from logs)',
    'select * from log tablesample 1 rows, logs',
    'select * from range((select count(*) from logs))',
    'select list_transform([1], lambda x: (select max(source) from packages))',
    'select 1 group by (select max(source) from packages)',
    'select 1 having (select true from packages)',
    'values ((select max(source) from packages))',
    'table logs',
    'select * from log at (version => 1)',
    // Functions that tell of the store, read, or act.
    "select json_serialize_plan('select * from logs')",
    "select json_serialize_sql('select 1')",
    "select json_deserialize_sql('{}')",
    "select * from json_execute_serialized_sql(json_serialize_sql('select * from logs'))",
    'select stats(bytes) from log',
    'select stats(bytes)',
    'select main.stats(bytes) from log',
    'select system.main.stats(bytes) from log',
    'select system.main.abs(bytes) from log',
    'select current_user',
    'select current_schemas(true)',
    'select current_database()',
    'select version()',
    'select txid_current()',
    "select getvariable('x')",
    "select getenv('HOME')",
    'select vector_type(bytes) from log',
    "select in_search_path('logs', 'main')",
    "select col_description('logs', 1)",
    "select has_table_privilege('logs', 'select')",
    "select pg_get_viewdef('x')",
    "select add_parquet_key('a', 'b')",
    "select * from seq_scan('logs')",
    'select * from arrow_scan(1, 2, 3)',
    "select * from sql_auto_complete('select')",
    'select * from summary(log)',
    'select * from test_all_types()',
    'select * from repeat_row(1, num_rows = 3)',
    "select * from parquet_scan('/tmp/x')",
    "select * from read_duckdb('/tmp/x')",
    "select * from which_secret('s3://x', 's3')",
    'select * from checkpoint()',
    'select * from enable_logging()',
    "select 'x'::some_type",
    "select 'a'::enum('a')",
    'show tables from logs',
    '(describe logs)',
    'select * from (describe logs)',
    'select "(select max(topic) from store.main.logs) from log --".* from log',
    'select columns("log.*), (select 1) from log --".*) from log',
    'select *columns("x y".*) from log',
    'select "1; select 2 --".* from log',
    'with "duc\u212adb_databases" as (select 1) select path from duckdb_databases',
    'select * from (show tables)',
    'select * from (summarize log)',
    'from (pivot logs on n using max(bytes))',
    'select * from log positional join logs',
    'select * from log semi join logs using (n)',
  ])('%s', async (sql) => {
    const { status, json } = await ask(sql);
    expect({ sql, status, code: json['errorcode'] }).toEqual({ sql, status: 400, code: 'SyntaxError' });
    for (const hidden of [...HIDDEN, store.folder]) expect(JSON.stringify(json)).not.toContain(hidden);
  });
});

test('a refusal says what is not available, and where to look', async () => {
  const say = async (sql: string) => String((await ask(sql)).json['errormessage']);
  expect(await say("select getenv('HOME')")).toBe(
    'The SQL after the bar is refused: the function getenv is not available in searches; docs/logservice.md lists the functions that are.',
  );
  expect(await say('select * from pg_catalog.pg_class')).toContain(
    "there is no table 'pg_catalog.pg_class' here; the logs are the table log",
  );
});

describe('a name of WITH is a table where SQL says so', () => {
  test.each([
    ['with x as (select n from log) select * from x order by 1', [['a'], ['b']]],
    ['with x as (select n from log), y as (select * from x) select max(n) from y', [['b']]],
    ['with X as (select n from log) select (select max(n) from x)', [['b'], ['b']]],
    ['with x as (select 1 as q) select q from x union all select q + 1 from x', [[1], [2]]],
    ['with x as (select n from log) select count(*) from (with y as (from x) select * from y)', [[2]]],
    ['with x as (with y as (select 5 as q) select * from y) select q from x', [[5]]],
    ['with recursive r as (select 1 as k union all select k + 1 from r where k < 3) select sum(k) from r', [[6]]],
    ['with logs as (select 3 as q) select q from logs', [[3]]],
    ['with x as (select 2 as q) select n from log order by n limit (select q from x)', [['a'], ['b']]],
    ['select n from log where n in (with x as (select max(n) as n from log) select n from x)', [['b']]],
  ])('%s', async (sql, rows) => {
    const found = await ask(sql);
    expect([found.rows, found.json['errormessage']]).toEqual([rows, undefined]);
  });
});

describe('FROM log is put into every SELECT without FROM that reads a column or aggregates', () => {
  test.each([
    ['select PV from (select count(*) as PV)', [[2]]],
    ['select max(n) from (select n, count(*) as c group by n)', [['b']]],
    ['select bytes from (select bytes order by bytes desc limit 1)', [[20]]],
    ['select a.c, b.s from (select count(*) as c) a, (select sum(bytes) as s) b', [[2, 30]]],
    ['select n where bytes > (select avg(bytes))', [['b']]],
    ['select n where n in (select max(n))', [['b']]],
    ['with t as (select sum(bytes) as s) select s from t', [[30]]],
    ['select sum(c) from (select count(*) as c union all select count(*) as c)', [[4]]],
    ['select q from (select 7 as q)', [[7]]],
    ['select q from (select 7 as q, q + 1 as r)', [[7]]],
    ['select count(*) from (select row_number() over (order by bytes) as r)', [[2]]],
    ['select sum(x) from (select unnest([1, 2]) as x)', [[3]]],
    ['select max(len) from (select len(list_transform([1, 2, 3], lambda x: x + 1)) as len)', [[3]]],
    ["select * from (select json_extract_string(other, '$.n') as n order by n) limit 1", [['a']]],
    ['select c from (select * from (select count(*) as c))', [[2]]],
    ['select count(*) from (select *)', [[2]]],
  ])('%s', async (sql, rows) => {
    const found = await ask(sql);
    expect([found.rows, found.json['errormessage']]).toEqual([rows, undefined]);
  });
});

describe('what analysts write is answered', () => {
  test.each([
    "select date_trunc('minute', time) as minute, sum(bytes) as b group by 1 order by 1",
    'select srcport, count(*) filter (where bytes > 10), approx_count_distinct(n), quantile_cont(bytes, 0.95) group by all',
    "select n, case when bytes > 10 then 'big' else 'small' end as size, bytes / 2, bytes // 2, -bytes, bytes % 3",
    "select coalesce(n, '-') || '!' as text, upper(n), regexp_replace(n, 'a', 'x'), n like 'a%', n ilike 'A%', n not like '_'",
    'select start - start % 300 as slot, max_by(n, bytes), arg_min(n, bytes), list(n order by n) group by slot',
    "select to_timestamp(__TIMESTAMP__ / 1000), epoch_ms(time), extract(hour from time), strftime(time, '%H:%M'), now() > time",
    "select time at time zone 'Asia/Shanghai', time + interval '1' hour, time_bucket(interval '5 minutes', time), current_date",
    'select n, lag(bytes, 1, 0) over (order by time), rank() over w, sum(bytes) over (order by time rows between 1 preceding and current row) window w as (order by bytes)',
    'select cast(bytes as double), try_cast(n as integer), bytes::varchar, bytes::decimal(10, 2), [bytes, 1][1], {a: n}.a',
    "select * exclude (n), columns(c -> c like 'b%') from log",
    "select other ->> '$.x', json_extract(other, '$.x'), json_keys(other), other::json",
    'select grouping(n), n, count(*) group by rollup (n) having count(*) > 0 order by all',
    'select distinct on (srcport) srcport, n order by srcport, bytes limit 1 offset 0',
    "select n from log where bytes between 1 and 15 intersect select n from log except (select 'q')",
    "select * from log pivot (sum(bytes) for n in ('a', 'b'))",
    'select * from (values (1, 2), (3, 4)) v(x, y), generate_series(1, 2) g(z), unnest([1]) u(k)',
    'select a.n from log a left join log b using (n) where exists (select 1 from log c where c.n = a.n)',
    "select address_hex(srcaddr), hash(n), md5(n), greatest(bytes, 1), round(sqrt(bytes), 1), if(bytes > 1, 1, 0), nullif(n, 'a')",
    'select n from log using sample 50%',
    'select n from log limit 50%',
  ])('%s', async (sql) => {
    const { status, json } = await ask(sql);
    expect([status, json['errormessage']]).toEqual([200, undefined]);
  });
});

test('every function of the lists is one of the database', async () => {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const reader = await connection.runAndReadAll('SELECT DISTINCT function_name FROM duckdb_functions()');
  const known = new Set(reader.getRows().map(([name]) => name));
  const listed = [
    ...AGGREGATES,
    ...WINDOW_FUNCTIONS,
    ...Object.values(SCALAR_FUNCTIONS).flat(),
    ...OPERATORS,
    ...TABLE_FUNCTIONS,
  ];
  expect(listed.filter((name) => !known.has(name) && name !== 'address_hex')).toEqual([]);
});
