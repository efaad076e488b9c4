import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { formerLogKeys, LEDGER_ROWS, logKeys, tallyKeys } from '../../schema/ledger-numbers.ts';

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

/** Dashboards and alarms name these keys: one that changes breaks them. */
test('each number has its keys in the logs of ledgers, packets before bytes', () => {
  expect(Object.fromEntries(LEDGER_ROWS.map((row) => [row.name, logKeys(row).join(' ')]))).toEqual({
    metered: 'ledger-metered-packets ledger-metered-bytes',
    notIp: 'ledger-not-ip-packets ledger-not-ip-bytes',
    malformed: 'ledger-malformed-packets ledger-malformed-bytes',
    coarsened: 'ledger-coarsened-packets ledger-coarsened-bytes',
    coarsenedKeys: 'ledger-coarsened-keys',
    evicted: 'ledger-evicted-packets ledger-evicted-bytes',
    rejected: 'ledger-rejected-packets ledger-rejected-bytes',
    rejectsUnmatched: 'ledger-rejects-unmatched-packets ledger-rejects-unmatched-bytes',
    rejectsLost: 'ledger-rejects-lost-packets',
    overflowed: 'ledger-overflowed-packets ledger-overflowed-bytes',
    droppedByKernel: 'ledger-dropped-by-kernel-packets',
    droppedByInterface: 'ledger-dropped-by-interface-packets',
    beforeAttach: 'ledger-before-attach-packets',
    dropsUnknown: 'ledger-drops-unknown',
  });
  expect(tallyKeys('excluded-dhcp')).toEqual(['ledger-excluded-dhcp-packets', 'ledger-excluded-dhcp-bytes']);
});

test('the keys of the release before are those that it had', () => {
  const former = LEDGER_ROWS.filter((row) => formerLogKeys(row).length > 0);
  expect(former.map((row) => [row.name, ...formerLogKeys(row)])).toEqual([
    ['coarsened', 'ledger-folded-packets', 'ledger-folded-bytes'],
    ['coarsenedKeys', 'ledger-folded-keys'],
    ['evicted', 'ledger-given-up-packets', 'ledger-given-up-bytes'],
  ]);
});
