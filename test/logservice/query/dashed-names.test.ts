import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quoteDashedNames } from '../../../logservice/query/dashed-names.ts';

const FIELDS = new Set([
  'log-status',
  'window-start',
  'window-end',
  'ledger-metered-packets',
  'bytes',
  'packets',
  'a-b',
  'a',
  'b',
]);
const quoted = (sql: string) => quoteDashedNames(sql, (name) => FIELDS.has(name)).text;

test.each([
  ['select log-status', 'select "log-status"'],
  ['select max(window-end-window-start)', 'select max("window-end"-"window-start")'],
  ['select window-end - 1, log-status-1', 'select "window-end" - 1, "log-status"-1'],
  ['select sum(ledger-metered-packets)', 'select sum("ledger-metered-packets")'],
  ['select bytes-log-status', 'select bytes-"log-status"'],
  ['group by log-status order by log-status', 'group by "log-status" order by "log-status"'],
])('%s -> %s', (sql, expected) => {
  expect(quoted(sql)).toBe(expected);
});

test.each([
  'select "log-status"',
  "select 'log-status', 'it''s log-status'",
  'select bytes-packets',
  'select a-b',
  'select bytes -- log-status',
  'select /* log-status */ bytes',
  'select $$ log-status $$',
  'select $x$ log-status $x$',
  'select no-such',
  'select Xlog-status',
  'select log -status',
  "select 'never closed log-status",
  "select e'\\' log-status '",
])('%s stays as it is', (sql) => {
  expect(quoted(sql)).toBe(sql);
});

test('a text of escapes ends where the database ends it', () => {
  expect(quoted("select E'a\\'b', log-status, 'c'")).toBe("select E'a\\'b', \"log-status\", 'c'");
});

test('many dashes take no more than their number', () => {
  const sql = `select ${Array.from({ length: 4000 }, () => 'a').join('-')}`;
  let asked = 0;
  quoteDashedNames(sql, () => {
    asked += 1;
    return false;
  });
  expect(asked).toBeLessThan(4000 * 40);
});

test('a position is that of the text as it was written', () => {
  const sql = 'select log-status, window-end from nowhere';
  const { text, original } = quoteDashedNames(sql, (name) => FIELDS.has(name));
  const words = ['select', 'log-status', 'window-end', 'nowhere'];
  expect(words.map((word) => original(text.indexOf(word)))).toEqual(words.map((word) => sql.indexOf(word)));
});

test('nothing but quotes is ever added, and positions never go backwards', () => {
  const piece = fc.constantFrom(
    'log-status',
    'window-end',
    '-',
    '"',
    "'",
    ' ',
    '--',
    '/*',
    '*/',
    '$$',
    '\n',
    'a',
    'b',
    '(',
    '1',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const sql = pieces.join('');
      const { text, original } = quoteDashedNames(sql, (name) => FIELDS.has(name));
      expect(text.replaceAll('"', '')).toBe(sql.replaceAll('"', ''));
      const positions = Array.from({ length: text.length + 1 }, (_, at) => original(at));
      expect(positions).toEqual(positions.toSorted((left, right) => left - right));
      expect([positions[0], positions.at(-1)]).toEqual([0, sql.length]);
    }),
  );
});
