import { expect, test } from 'vitest';
import { outputColumns, withOutputColumns } from '../../../agent/analysis/output-columns.ts';

test.each<[string, string[]]>([
  ['select srcaddr, dstaddr', ['srcaddr', 'dstaddr']],
  ['select "icmp-type", sum(packets) as packets group by "icmp-type"', ['icmp-type', 'packets']],
  ['select least(a, b) as address, count(distinct a) as n where a > 1', ['address', 'n']],
  ['select n from (select count(*) as n, 1 as m)', ['n']],
  ["select case when a = 1 then 'x, from' end as kind order by 1", ['kind']],
  ['select rank() over (partition by a order by b) as place limit 5', ['place']],
  ['select "reject-rule" as rule union all select b as other', ['rule']],
  ['select count(*), cast(a as varchar), a + 1', ['_col0', '_col1', '_col2']],
])('%s', (sql, names) => {
  expect(outputColumns(sql).map(({ name }) => name)).toEqual(names);
});

test('what an item says is its expression, as it was written', () => {
  expect(outputColumns('select start - start % 60 as since, cast(a as double) / b as share, c')).toEqual([
    { name: 'since', expression: 'start - start % 60' },
    { name: 'share', expression: 'cast(a as double) / b' },
    { name: 'c', expression: 'c' },
  ]);
});

test('items are written anew, and the rest of the query stays', () => {
  const sql = 'select a as x, sum(b) as y\nfrom (select a, b where b > 0)\ngroup by a order by 2 desc';
  expect(withOutputColumns(sql, ({ name, expression }) => `(${expression}) * 2 as ${name}`)).toBe(
    'select (a) * 2 as x, (sum(b)) * 2 as y\nfrom (select a, b where b > 0)\ngroup by a order by 2 desc',
  );
});
