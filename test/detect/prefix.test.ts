import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isWithin, parsePrefix } from '../../detect/prefix.ts';

test.each([
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.1.2.3', '10.1.2.3', true],
  ['10.1.2.3', '10.1.2.4', false],
  ['0.0.0.0/0', '255.255.255.255', true],
  ['0.0.0.0/0', '::1', false],
  ['2001:db8::/32', '2001:db8:1::9', true],
  ['2001:db8::/32', '2001:db9::9', false],
  ['::ffff:10.0.0.0/104', '::ffff:10.9.9.9', true],
  ['::/0', '10.0.0.1', false],
  ['10.0.0.0/8', 'deny all', false],
])('%s has %s: %s', (prefix, address, isInside) => {
  expect(isWithin(address, parsePrefix(prefix)!)).toBe(isInside);
});

test.each([
  '',
  '10.0.0',
  '10.0.0.256',
  '10.0.0.0/33',
  '10.0.0.0/x',
  '10.0.0.0/8/8',
  '1::2::3',
  '1:2:3:4:5:6:7:8:9',
  '::g',
  'host',
  '::1.2.3',
  '1:2:3:4:5:6:7::8:9',
])('%j is no prefix', (text) => expect(parsePrefix(text)).toBeUndefined());

test('agrees with the list of Node.js on any address and prefix', () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(address, address, fc.nat(128), fc.boolean(), (base, other, length, isNear) => {
      const family = isIP(base) === 4 ? 'ipv4' : 'ipv6';
      const bits = Math.min(length, family === 'ipv4' ? 32 : 128);
      const list = new BlockList();
      list.addSubnet(base, bits, family);
      const asked = isNear ? base : other;
      const inside = list.check(asked, isIP(asked) === 4 ? 'ipv4' : 'ipv6') && isIP(asked) === isIP(base);
      expect(isWithin(asked, parsePrefix(`${base}/${bits}`)!)).toBe(inside);
    }),
  );
});

test('any text is a prefix or none, without an error', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0123456789abcdefg.:/') }), (text) => void parsePrefix(text)),
  );
});
