import { expect, test } from 'vitest';
import { formatFound } from '../../../agent/commands/search-text.ts';
import type { Cell } from '../../../agent/model/search.ts';

const column = (name: string, type: string) => ({ name, type });

const SUMS = {
  columns: [column('srcaddr', 'VARCHAR'), column('total', 'HUGEINT'), column('list', 'INTEGER[]')],
  rows: [
    ['10.0.0.1', 1234, [1, 2]],
    [null, '98765432109876543210', null],
    ['a "quoted", \u001b[31mred\r\n', 5, []],
  ] as readonly (readonly Cell[])[],
};

const LOGS = {
  columns: [
    column('time', 'TIMESTAMP'),
    column('version', 'VARCHAR'),
    column('interface-id', 'VARCHAR'),
    column('srcaddr', 'VARCHAR'),
    column('bytes', 'BIGINT'),
    column('ccn-id', 'VARCHAR'),
    column('other', 'VARCHAR'),
    column('__PKGLOGID__', 'INTEGER'),
    column('__TAGS__', 'VARCHAR'),
  ],
  rows: [
    ['2023-11-14 22:13:20', '2', 'eth0', '2001:db8:1234:5678:9abc:def0:1234:5678', 7, null, null, 0, null],
    ['2023-11-14 22:14:20', '2', 'eth0', '10.0.0.1', 1200, null, '{"odd":"x"}', 1, '{"region":"gz"}'],
  ] as readonly (readonly Cell[])[],
};

test('a table aligns numbers to the right and obeys no control character of a value', () => {
  expect(formatFound(SUMS, 'table', undefined)).toBe(
    [
      'srcaddr                                               total  list',
      '10.0.0.1                                               1234  [1,2]',
      '                                       98765432109876543210',
      'a "quoted", \\u001b[31mred\\u000d\\u000a                     5  []',
      '',
    ].join('\n'),
  );
});

test('a table of logs shows what says something, addresses first', () => {
  const [heading] = formatFound(LOGS, 'table', undefined).split('\n');
  expect(heading?.split(/ +/)).toEqual(['time', 'srcaddr', 'bytes', 'interface-id', 'other']);
});

test.each([20, 40, 60, 80, 100, 200])('no line of a table is wider than a terminal of %d columns', (width) => {
  for (const found of [SUMS, LOGS]) {
    const lines = formatFound(found, 'table', width).trimEnd().split('\n');
    const rows = lines.filter((line) => !line.startsWith('('));
    expect(rows).toHaveLength(found.rows.length + 1);
    for (const line of rows) expect(line.length).toBeLessThanOrEqual(width);
  }
});

test('a narrow table cuts texts, not numbers, and says how many columns are left out', () => {
  const text = formatFound(LOGS, 'table', 45);
  expect(text).toContain('2001:db8:1234:…');
  expect(text).toContain('  1200');
  expect(text).toContain('(2 more columns omitted');
});

test('CSV quotes what needs it, and leaves the rest of a value as it is', () => {
  expect(formatFound(SUMS, 'csv', undefined)).toBe(
    [
      'srcaddr,total,list',
      '10.0.0.1,1234,"[1,2]"',
      ',98765432109876543210,',
      '"a ""quoted"", \u001b[31mred\r\n",5,[]',
      '',
    ].join('\r\n'),
  );
});

test.each([
  ['=HYPERLINK("http://x")', `"'=HYPERLINK(""http://x"")"`],
  ['+1+cmd', `"'+1+cmd"`],
  ['-2+3', `"'-2+3"`],
  ['@SUM(1)', `"'@SUM(1)"`],
  ['\t=1', `"'\t=1"`],
  ['\r=1', `"'\r=1"`],
  ['＝1', `"'＝1"`],
  ["'quoted", `"''quoted"`],
  ['-', '-'],
  ['-17', '-17'],
  ['-1.5e+3', '-1.5e+3'],
  [-17, '-17'],
  ['eth0', 'eth0'],
] as const)('CSV gives a spreadsheet no formula, and a program the value behind an apostrophe: %j', (value, cell) => {
  const found = { columns: [column('x', 'VARCHAR')], rows: [[value]] };
  expect(formatFound(found, 'csv', undefined)).toBe(`x\r\n${cell}\r\n`);
});

test('NDJSON has every column that SQL made', () => {
  const lines = formatFound(SUMS, 'ndjson', undefined).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { srcaddr: '10.0.0.1', total: 1234, list: [1, 2] },
    { srcaddr: null, total: '98765432109876543210', list: null },
    { srcaddr: 'a "quoted", \u001b[31mred\r\n', total: 5, list: [] },
  ]);
});

test('NDJSON of logs has the keys that each log has', () => {
  const lines = formatFound(LOGS, 'ndjson', undefined).trimEnd().split('\n');
  expect(JSON.parse(lines[1] ?? '')).toEqual({
    time: '2023-11-14 22:14:20',
    version: '2',
    'interface-id': 'eth0',
    srcaddr: '10.0.0.1',
    bytes: 1200,
    odd: 'x',
    __PKGLOGID__: 1,
    __TAGS__: { region: 'gz' },
  });
});

test('nothing found is nothing to print but the heading', () => {
  const none = { ...SUMS, rows: [] };
  expect(formatFound(none, 'ndjson', undefined)).toBe('');
  expect(formatFound(none, 'csv', undefined)).toBe('srcaddr,total,list\r\n');
});
