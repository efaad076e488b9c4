/** What people write who come from CLS, or who mistype a field. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLS_FUNCTIONS } from '../../../logservice/query/cls-functions.ts';
import { SearchedStore } from '../searched-store.ts';

let store: SearchedStore;

/** 2023-11-14 22:13:20 UTC. */
const BASE_MS = 1_700_000_000_000;
const LOGS = [
  { srcaddr: '10.0.0.1', dstport: '443', bytes: '1000', action: 'ACCEPT', 'log-status': 'OK', 'tcp-flags': '18' },
  { srcaddr: '10.0.0.2', dstport: '443', bytes: '3000', action: 'ACCEPT', 'log-status': 'OK', 'tcp-flags': '2' },
  { srcaddr: '10.0.0.2', dstport: '22', bytes: '500', action: 'REJECT', 'log-status': 'OK', list: '{"a":"x"}' },
  { 'log-status': 'NODATA', 'my-own-key': 'mine' },
] as const;

beforeAll(async () => {
  const logs = LOGS.map((contents, index) => ({ time: BASE_MS + index * 60_000, contents }));
  store = await SearchedStore.of({ flowlog: [{ logs }] });
});
afterAll(() => store.remove());

async function answerOf(query: string): Promise<unknown> {
  const { status, json, rows } = await store.search(query);
  return status === 200 ? rows : json['errormessage'];
}

describe('functions of CLS', () => {
  test.each([
    [
      'select histogram(__TIMESTAMP__, interval 2 minute) as t, count(*) as n group by t order by t',
      [
        ['2023-11-14 22:12:00', 1],
        ['2023-11-14 22:14:00', 2],
        ['2023-11-14 22:16:00', 1],
      ],
    ],
    [
      'select histogram(cast(__TIMESTAMP__ as timestamp), interval 1 hour) as t, sum(bytes) group by t',
      [['2023-11-14 22:00:00', 4500]],
    ],
    [
      "select time_series(__TIMESTAMP__, '2m', '%Y-%m-%d %H:%i:%s', '0') as t, count(*) as n group by t order by t limit 2",
      [
        ['2023-11-14 22:12:00', 1],
        ['2023-11-14 22:14:00', 2],
      ],
    ],
    ["select date_format(max(__TIMESTAMP__), '%Y-%m-%d %H:%i:%s')", [['2023-11-14 22:16:20']]],
    ["select date_format(cast(__TIMESTAMP__ + 28800000 as timestamp), '%H:%i') where dstport = 22", [['06:15']]],
    ["select date_parse('2024-02-03 04:05', '%Y-%m-%d %H:%i') limit 1", [['2024-02-03 04:05:00']]],
    ["select date_trunc('hour', cast(1597807109000 as timestamp)) limit 1", [['2020-08-19 03:00:00']]],
    ['select from_unixtime(min(__TIMESTAMP__) / 1000)', [['2023-11-14 22:13:20']]],
    ['select to_unixtime(from_unixtime(1700000000)) limit 1', [[1_700_000_000]]],
    ["select timestamp_of('2024-05-01T00:00:00+02:00') limit 1", [['2024-04-30 22:00:00']]],
    ['select approx_distinct(srcaddr), count_if(bytes > 900), max_by(srcaddr, bytes)', [[2, 2, '10.0.0.2']]],
    ['select count_if(bytes > 900), count_if(bytes > 900) filter (where dstport = 22) where dstport = 1', [[0, 0]]],
    ['select count_if(bytes > 900) over (order by bytes) as n order by n', [[0], [1], [2], [2]]],
    ['select COUNT_IF(bytes = 1) where dstport = 22', [[0]]],
    ['select approx_distinct(srcaddr) filter (where bytes > 900)', [[2]]],
    ['select approx_percentile(bytes, 0.5) where bytes > 900', [[2000]]],
    [
      'select bitwise_and("tcp-flags", 2), bitwise_or(4, 1), bitwise_xor(7, 2), bitwise_not(0) where dstport = 443 limit 1',
      [[2, 5, 5, -1]],
    ],
    ["select regexp_like(srcaddr, '^10[.]'), json_extract_scalar(list, '$.a') where dstport = 22", [[true, 'x']]],
    ["select array_join(array_agg(dstport order by dstport), '-') where dstport > 0", [['22-443-443']]],
    ['select histogram(dstport) where dstport > 22', [[[{ key: 443, value: 2 }]]]],
    ['select max(n) from (select approx_distinct(srcaddr) as n, dstport group by dstport)', [[2]]],
  ])('%s', async (sql, rows) => {
    expect(await answerOf(`* | ${sql}`)).toEqual(rows);
  });

  test('a column without a name of its own has the one that CLS gives it, and never our words for a function', async () => {
    const { json } = await store.search(
      '* | select bitwise_and(3, 1), count_if(bytes > 1) + 1, max(__TIMESTAMP__), cast(__TIMESTAMP__ as timestamp), bytes, ' +
        'approx_distinct(srcaddr) as n group by bytes, __TIMESTAMP__ order by bytes limit 1',
    );
    const names = (json['columns'] as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(['_col0', '_col1', 'max(__TIMESTAMP__)', '_col3', 'bytes', 'n']);
  });

  test('so has one of each part of a UNION, and inner ones keep what they are called by', async () => {
    const { json } = await store.search(
      '* | select truncate(n) from (select approx_distinct(srcaddr) as n) union all select truncate(bytes) where dstport = 22',
    );
    expect((json['columns'] as { name: string }[]).map(({ name }) => name)).toEqual(['_col0']);
    expect((json['rows'] as unknown[]).length).toBe(2);
  });

  test('one that no database has is refused by its name', async () => {
    expect(await answerOf('* | select ip_to_city(srcaddr)')).toContain('the function ip_to_city is not available');
  });

  test.each(CLS_FUNCTIONS)('%s takes no other place than a function that is listed', async (name) => {
    expect(await answerOf(`* | select other_schema.${name}(1, 2, 3, 4)`)).toMatch(/takes no name of a schema|failed/);
  });
});

describe('a name with a dash', () => {
  test.each([
    ['select log-status, count(*) as n group by log-status order by n desc limit 1', [['OK', 3]]],
    ["select sum(bytes) where log-status = 'OK' and tcp-flags > 0", [[4000]]],
    ['select my-own-key where my-own-key is not null', [['mine']]],
    ['select bytes-dstport where dstport = 22', [[478]]],
  ])('%s', async (sql, rows) => {
    expect(await answerOf(`* | ${sql}`)).toEqual(rows);
  });

  test('that no log has is an error with its position in the query as it was written', async () => {
    const { json } = await store.search('* | select log-status frm log-status where');
    expect(json).toMatchObject({ errorcode: 'SyntaxError' });
    expect(Number(json['position'])).toBeLessThanOrEqual('* | select log-status frm log-status where'.length);
  });
});

describe('SQL without a bar', () => {
  test.each([
    ['select count(*) as n', [[4]]],
    ['  SELECT srcaddr, sum(bytes) as b GROUP BY srcaddr ORDER BY b DESC LIMIT 1', [['10.0.0.2', 3500]]],
    ['with x as (select bytes from log) select sum(bytes) from x', [[4500]]],
  ])('%s is SQL over all logs', async (query, rows) => {
    expect(await answerOf(query)).toEqual(rows);
  });

  test.each(['select', 'select AND accept', 'NOT select', '"select count(*)"'])('%s is a condition', async (query) => {
    const { status, rows } = await store.search(query);
    expect([status, rows.length]).toEqual([200, query === 'NOT select' ? 4 : 0]);
  });
});

describe('a field that no log has', () => {
  test.each([
    ['srcadr:10.0.0.1', "There is no field 'srcadr'; the nearest is 'srcaddr'."],
    ['action:ACCEPT AND NOT (dstprot:443)', "There is no field 'dstprot'; the nearest is 'dstport'."],
    ['byte>5', "There is no field 'byte'; the nearest is 'bytes'."],
    ['log_status:OK', "There is no field 'log_status'; the nearest is 'log-status'."],
    ['my-own-kee:*', "There is no field 'my-own-kee'; the nearest is 'my-own-key'."],
    ['* | select sum(byts)', "There is no field 'byts'; the nearest is 'bytes'."],
    ['* | select log.byts', "There is no field 'byts'; the nearest is 'bytes'."],
  ])('%s: %s', async (query, sentence) => {
    expect(await answerOf(query)).toBe(sentence);
  });

  test('is said beside no rows where nothing is near', async () => {
    const { status, rows, json } = await store.search('somethingelse:5');
    expect([status, rows, json['notes']]).toEqual([
      200,
      [],
      ['No log of the topic flowlog has the field somethingelse.'],
    ]);
  });

  test.each([
    'reject-rule:1',
    'ledger-status:OK',
    'ledger-metered-packets>0',
    'excluded-port:67',
    '__TAG__.no:x',
    'tcp_flags:2',
  ])('%s is known, although no log has it yet', async (query) => {
    expect(await answerOf(query)).toEqual([]);
  });
});
