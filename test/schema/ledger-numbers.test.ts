import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LEDGER_ROWS, logKeys } from '../../schema/ledger-numbers.ts';

const PROTO = readFileSync(new URL('../../proto/flowlog.proto', import.meta.url), 'utf8');
const TYPES = { tally: 'Tally', count: 'uint64', flag: 'bool' } as const;
const LISTS = [
  'map<string, Tally> excluded = 2',
  'repeated Gap gaps = 9',
  'repeated ExcludedPeers excluded_peers = 16',
];

test('the message of the ledger has the fields of the schema, and its three lists', () => {
  const [, body = ''] = /^message Ledger \{\n(.*?)^\}/ms.exec(PROTO) ?? [];
  const fields = [...body.matchAll(/^ {2}([^/].*);$/gm)].map(([, field]) => field);
  const snake = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const rows = LEDGER_ROWS.map(({ name, kind, field }) => `${TYPES[kind]} ${snake(name)} = ${field}`);
  expect(fields.toSorted()).toEqual([...rows, ...LISTS].toSorted());
});

test('no two numbers have a field or a key in common', () => {
  const keys = LEDGER_ROWS.flatMap(logKeys);
  expect(new Set(keys).size).toBe(keys.length);
  expect(new Set(LEDGER_ROWS.map(({ field }) => field)).size).toBe(LEDGER_ROWS.length);
});

test('only losses of packets that were offered, or of their records, are lost', () => {
  const losses = LEDGER_ROWS.filter(({ isLoss }) => isLoss).map(({ name }) => name);
  expect(losses).toEqual(['evicted', 'overflowed', 'droppedByKernel', 'droppedByInterface']);
});
