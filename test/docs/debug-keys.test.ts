import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { HELP } from '../../agent/live-table/live-keys.ts';

test('docs/debug.md has the keys of the live table, as its help has them', () => {
  const page = readFileSync('docs/debug.md', 'utf8');
  const [, table = ''] = /\| key \| \|\n\| --- \| --- \|\n((?:\|.*\n)+)/.exec(page) ?? [];
  expect(table.trim().split('\n')).toEqual(HELP.map(([keys, does]) => `| \`${keys}\` | ${does} |`));
});
