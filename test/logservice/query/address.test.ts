import { BlockList, isIPv6 } from 'node:net';
import { DuckDBInstance, listValue } from '@duckdb/node-api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ADDRESS_HEX_MACROS, addressHex, prefixRange } from '../../../logservice/query/address.ts';

const ipv4 = fc.ipV4();
const ipv6 = fc.ipV6().filter(isIPv6);

function within(address: string, prefix: string): boolean {
  const range = prefixRange(prefix)!;
  const hex = addressHex(address)!;
  return range[0].length === hex.length && range[0] <= hex && hex <= range[1];
}

test('a prefix holds exactly the addresses that node says it holds', () => {
  const prefixes = fc.oneof(
    fc.tuple(ipv4, fc.nat(32), ipv4, fc.constant('ipv4' as const)),
    fc.tuple(ipv6, fc.nat(128), ipv6, fc.constant('ipv6' as const)),
  );
  fc.assert(
    fc.property(prefixes, fc.boolean(), ([base, bits, other, family], same) => {
      const list = new BlockList();
      list.addSubnet(base, bits, family);
      const address = same ? base : other;
      expect(within(address, `${base}/${bits}`)).toBe(list.check(address, family));
    }),
  );
});

test.each([
  ['10.0.0.1', '40a000001'],
  ['::', `6${'0'.repeat(32)}`],
  ['::1', `6${'0'.repeat(31)}1`],
  ['2001:DB8::1', '620010db8000000000000000000000001'],
  ['1:2:3:4:5:6:7:8', '600010002000300040005000600070008'],
  ['::ffff:192.0.2.1', '600000000000000000000ffffc0000201'],
  ['fe80::1%eth0', undefined],
  ['10.0.0', undefined],
  ['', undefined],
])('%s is %s', (text, hex) => {
  expect(addressHex(text)).toBe(hex);
});

test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '::/129', 'x/8', '/8', '10.0.0.0/'])(
  '%s is no prefix',
  (text) => {
    expect(prefixRange(text)).toBeUndefined();
  },
);

test('the database makes the same of every address', async () => {
  const addresses = [
    ...fc.sample(ipv4, 200),
    ...fc.sample(ipv6, 400),
    '::',
    '::1',
    '1::',
    '::ffff:192.0.2.1',
    '64:ff9b::10.0.0.255',
  ];
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  for (const macro of ADDRESS_HEX_MACROS) await connection.run(macro);
  const hexes = async (texts: readonly string[]): Promise<readonly unknown[]> => {
    const sql = 'SELECT address_hex(text) FROM (SELECT unnest($1::VARCHAR[]) AS text)';
    const reader = await connection.runAndReadAll(sql, [listValue(texts)]);
    return reader.getRows().map(([hex]) => hex);
  };
  expect(await hexes(addresses)).toEqual(addresses.map((address) => addressHex(address)));
  for (const hex of await hexes(['-', '', 'x', '1.2.3', '300.1.1.1', '1.2.3.4.5'])) {
    expect(String(hex)).not.toMatch(/^4.{8}$/);
  }
  connection.closeSync();
  instance.closeSync();
});
