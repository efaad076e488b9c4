import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  call,
  column,
  removeFolder,
  search,
  signedBody,
  startTestService,
  type TestService,
  temporaryFolder,
  upload,
} from '../harness.ts';
import { BASE_MS, LOGS } from '../query/example-logs.ts';
import { QUERY_SYMBOLS } from '../query/query-symbols.ts';

const folder = temporaryFolder();
let service: TestService;

beforeAll(async () => {
  service = await startTestService(folder, { topics: [{ id: 'flowlog' }, { id: 'other' }] });
  const logs = LOGS.map((contents, index) => ({ time: BASE_MS + index, contents }));
  await upload(service, [{ contextFlow: 'FEED-1', source: 'host-1', filename: 'flows', tags: { Region: 'gz' }, logs }]);
  await upload(service, [{ logs: [{ contents: { n: 'elsewhere', srcaddr: '10.0.0.1' } }] }], 'other');
});
afterAll(async () => {
  await service.stop();
  removeFolder(folder);
});

/** Which logs a condition finds, oldest first. */
async function found(condition: string): Promise<string> {
  const result = await search(service, condition);
  if (result.status !== 200) return String(result.json['errormessage']);
  return column(result, 'other')
    .map((other) => (JSON.parse(String(other)) as { n: string }).n)
    .toReversed()
    .join('');
}

describe('a condition finds', () => {
  test.each([
    ['', 'abcdefg'],
    ['protocol:17 AND NOT (srcaddr:fe80::1 OR bytes>5000)', 'c'],
    ['__PKGID__:FEED-1 AND __PKGLOGID__:2', 'c'],
    ["x:y' OR 1=1 --", 'is expected here'],
  ])('%s -> %s', async (condition, expected) => {
    expect(await found(condition)).toContain(expected);
  });

  test('only logs of its own topic, of the time asked for, newest first, as many as asked for', async () => {
    const some = await search(service, 'srcaddr:*', { from: BASE_MS + 1, to: BASE_MS + 3, limit: 2 });
    expect(column(some, 'srcaddr')).toEqual(['fe80::1', '10.1.0.1']);
    expect(some.json).toMatchObject({ truncated: true, truncatedBy: 'rows' });
    const all = await search(service, 'srcaddr:*', { from: BASE_MS + 1, to: BASE_MS + 3, limit: 3 });
    expect(all.json).toMatchObject({ truncated: false, truncatedBy: null });
  });

  test('an answer beyond its limit of bytes says that it was this one', async () => {
    const { json, rows } = await search(service, "* | select repeat('x', 1000000) from range(60)", { limit: 60 });
    expect(json).toMatchObject({ truncated: true, truncatedBy: 'bytes' });
    expect(rows.length).toBe(48);
  });
});

describe('SQL after the bar', () => {
  test.each([
    ['* | select count(*) as n', [[7]]],
    ['bytes:* | select sum(bytes)', [[6400]]],
    [
      '| select "log-status", count(*) group by 1 order by 2 desc, 1 limit 2',
      [
        ['OK', 4],
        [null, 2],
      ],
    ],
    ['dstport:443 | select srcaddr, dstport from log', [['10.0.0.1', 443]]],
    ['* | select max(bytes) - min(bytes) as spread where bytes > 500', [[2000]]],
    ['| with big as (select bytes from log where bytes > 1500) select count(*) from big', [[2]]],
    ['n:a | select 1 union all select 2', [[1], [2]]],
    ['n:a | select a.n, b.n from log a, log b', [['a', 'a']]],
    ['n:a | select (select count(*) from log) as n', [[1]]],
    [
      'message:* | select n, score order by n',
      [
        ['f', '1.5'],
        ['g', 'none'],
      ],
    ],
    ['n:g | select "a\'b"', [['quote']]],
    ['n:a | select "__TAG__.Region", __SOURCE__, __PKGLOGID__', [['gz', 'host-1', 0]]],
    ["n:a | select '| bar' as text", [['| bar']]],
    [
      'n:a | select 9007199254740993 as big, 12345678901234567890 as bigger',
      [['9007199254740993', '12345678901234567890']],
    ],
    [
      'n:a | select time, true, 1.5::double, null, [1, 2], {x: 1}',
      [['2023-11-14 22:13:20', true, 1.5, null, [1, 2], { x: 1 }]],
    ],
    ["srcaddr:* | select srcaddr where address_hex(srcaddr) like '6%'", [['fe80::1']]],
    ['n:a | select count(*) filter (where bytes = 1000) over () as w', [[1]]],
    ['n:a | select * from unnest([1, 2])', [[1], [2]]],
    ['n:a | select n; ', [['a']]],
    ['n:a | select n -- and no more', [['a']]],
  ])('%s', async (query, rows) => {
    const result = await search(service, query);
    expect([result.rows, result.json['errormessage']]).toEqual([rows, undefined]);
  });

  test('shows a hundred rows by default and ten thousand at most', async () => {
    const rows = async (more: object) =>
      (await search(service, 'n:a | select * from range(20000)', { ...more })).rows.length;
    expect([await rows({}), await rows({ limit: 10_000 })]).toEqual([100, 10_000]);
    const { json } = await search(service, '', { limit: 10_001 });
    expect(json['errorcode']).toBe('InvalidParam');
  });

  test.each([
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from '/etc/hosts.csv'",
    "from '/etc/passwd'",
    "select * from glob('/*')",
    "select * from log where n in (select content from read_text('/etc/passwd'))",
    "select (select max(file) from glob('/*'))",
    "with x as (select * from read_text('/etc/passwd')) select * from x",
    "copy log to '/tmp/flowlogd-copied'",
    "copy (select 1) to '/tmp/flowlogd-copied'",
    "attach '/tmp/flowlogd-attached.db'",
    'detach logs',
    'pragma database_list',
    'set threads = 8',
    "set memory_limit = '8GB'",
    'reset all',
    'install httpfs',
    'load httpfs',
    'call pragma_version()',
    'select * from pragma_database_list()',
    'select * from duckdb_settings()',
    'select * from duckdb_tables()',
    'select * from information_schema.tables',
    'select * from sqlite_master',
    'select * from logs',
    'select * from packages',
    'select * from main.logs',
    'select * from logs.main.logs',
    'select * from main.log',
    "select * from query('select * from logs')",
    "select * from query_table('logs')",
    "select * from json_execute_serialized_sql('{}')",
    "select current_setting('temp_directory')",
    "select write_log('x')",
    "select nextval('x')",
    'select sleep_ms(1)',
    'select current_query()',
    'describe log',
    'show tables',
    'summarize log',
    'explain select 1',
    'prepare x as select 1',
    'execute x',
    'insert into logs select * from logs',
    'update logs set bytes = 0',
    'delete from logs',
    'drop table logs',
    'create table x as select 1',
    'create macro f() as 1',
    'alter table logs rename to x',
    'begin',
    'commit',
    'checkpoint',
    'vacuum',
    "export database '/tmp/flowlogd-exported'",
    'use memory',
    'select 1; drop table logs',
    'select 1; select 2',
    'with log as (select 1) select * from log',
    `select ${'(select '.repeat(50)}1${')'.repeat(50)}`,
    `select ${'list_transform([1], lambda x: '.repeat(50)}1${')'.repeat(50)}`,
    `select ${'address_hex('.repeat(9)}srcaddr${')'.repeat(9)}`,
    `select ${'ipv6_plain('.repeat(9)}srcaddr${')'.repeat(9)}`,
    `select ${'not '.repeat(2000)}true`,
    `select ${'1 + '.repeat(2000)}1`,
    'select $1',
    'select ?',
    'select 1e999',
    '',
    ';',
    '--',
    'select',
    'select from where',
  ])('refuses %s', async (sql) => {
    const { status, json } = await search(service, `* | ${sql}`);
    expect(status).toBe(400);
    expect(['SyntaxError', 'QueryError']).toContain(json['errorcode']);
    expect(await found('')).toBe('abcdefg');
  });
});

test('no query makes the service fail, whatever it is', async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      ...QUERY_SYMBOLS,
      ' AND ',
      ' or ',
      'NOT ',
      'srcaddr:',
      'dstport',
      'message:',
      '/8',
      'select ',
      'from ',
      'log ',
      'sum(bytes)',
      ' group by 1',
      ',',
      ';',
      '--',
      '[',
      '{',
      '$',
      '\u0000',
      '\ud800',
      'ä',
    ),
    fc.string({ maxLength: 6, unit: 'binary' }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 16 }), async (pieces) => {
      const { status, json } = await search(service, pieces.join(''));
      expect([200, 400]).toContain(status);
      if (status === 400) expect(['SyntaxError', 'QueryError']).toContain(json['errorcode']);
    }),
    { numRuns: 400 },
  );
  expect(service.lines).toEqual([]);
});

describe('a search request is refused', () => {
  const post = (body: string, keys: TestService['keys'] | undefined = service.keys) =>
    call(service.url, '/search', { ...signedBody(body), keys });

  test('without a signature, as is the list of topics; health is not', async () => {
    const replies = [
      await call(service.url, '/search', { method: 'POST', body: '{"topic_id":"flowlog"}' }),
      await call(service.url, '/topics'),
      await call(service.url, '/health'),
    ];
    expect(replies.map(({ status }) => status)).toEqual([400, 400, 200]);
  });

  test.each([
    ['', 'InvalidParam'],
    ['[1]', 'InvalidParam'],
    ['null', 'InvalidParam'],
    ['{"query":"*"}', 'InvalidParam'],
    ['{"topic_id":"nowhere"}', 'TopicNotExist'],
    ['{"topic_id":7}', 'InvalidParam'],
    ['{"topic_id":"flowlog","query":7}', 'InvalidParam'],
    ['{"topic_id":"flowlog","from":"now"}', 'InvalidParam'],
    ['{"topic_id":"flowlog","to":1.5}', 'InvalidParam'],
    ['{"topic_id":"flowlog","limit":0}', 'InvalidParam'],
    [JSON.stringify({ topic_id: 'flowlog', query: 'x'.repeat(70_000) }), 'InvalidParam'],
    [JSON.stringify({ topic_id: 'flowlog', query: 'x'.repeat(13_000) }), 'SyntaxError'],
  ])('with the body %s', async (body, errorcode) => {
    const { json } = await post(body);
    expect(json['errorcode']).toBe(errorcode);
  });
});
