import { expect, test } from 'vitest';
import { alignRows, renderRows } from '../../../agent/cli/rows.ts';

test('rows stand in columns as wide as their widest cell, and no line ends in blanks', () => {
  expect(
    renderRows(
      ['NAME', 'STATE', 'ID'],
      [
        ['web', 'running', 'fl-1'],
        ['a-much-longer-name', 'off', ''],
      ],
    ),
  ).toBe(
    [
      'NAME                STATE    ID', //
      'web                 running  fl-1',
      'a-much-longer-name  off',
      '',
    ].join('\n'),
  );
});

test('columns behind the words are numbers, flush right under their title', () => {
  const rows = [
    ['eth0', '7', '1234567'],
    ['lo', '1000', '0'],
  ];
  expect(alignRows(['IF', 'PACKETS', 'BYTES'], rows, 1)).toEqual([
    'IF    PACKETS    BYTES', //
    'eth0        7  1234567',
    'lo       1000        0',
  ]);
});

test('a row that is too short has empty cells, and no row leaves the heading alone', () => {
  expect(alignRows(['A', 'B'], [['x']])).toEqual(['A  B', 'x']);
  expect(renderRows(['A', 'B'], [])).toBe('A  B\n');
});

test('cells are never cut, however wide they are', () => {
  const wide = 'x'.repeat(5000);
  expect(alignRows(['A', 'B'], [[wide, 'y']])[1]).toBe(`${wide}  y`);
});
