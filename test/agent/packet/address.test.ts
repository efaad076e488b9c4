import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains, type Network, parseNetwork } from '../../../agent/packet/address.ts';

const ipv4 = fc.oneof(
  fc.ipV4(),
  fc.constantFrom('0.0.0.0', '255.255.255.255', '127.255.255.255', '128.0.0.0', '10.0.0.1'),
);
const ipv6 = fc.oneof(
  fc.ipV6(),
  fc.constantFrom(
    '::',
    '::1',
    '1::',
    '2001:db8::',
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    '::ffff:192.0.2.1',
    '2001:DB8::ABCD',
    '8000::',
  ),
);

/** An address beside another one that may share its first bits: two random ones never would. */
function neighbours(family: 4 | 6): fc.Arbitrary<{ base: string; other: string; prefix: number }> {
  const bits = family === 4 ? 32 : 128;
  const number = fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
  return fc
    .record({ base: number, changedBit: fc.nat(bits), prefix: fc.nat(bits), noise: number })
    .map(({ base, changedBit, prefix, noise }) => {
      const low = (1n << BigInt(bits - changedBit)) - 1n;
      const other = (base & ~low) | (noise & low);
      return { base: numberToText(base, family), other: numberToText(other, family), prefix };
    });
}

function numberToText(value: bigint, family: 4 | 6): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  return [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n].map((shift) => ((value >> shift) & 0xffffn).toString(16)).join(':');
}

/** The words of an address, with a word before them. */
const wordsOf = (text: string) => Int32Array.of(7, ...parseNetwork(text)!.words);
const holds = (network: Network, address: string) => contains(network, wordsOf(address), 1);

describe.each([4, 6] as const)('a network of IPv%i', (family) => {
  it('holds the addresses that node:net says it holds', () => {
    fc.assert(
      fc.property(neighbours(family), ({ base, other, prefix }) => {
        const list = new BlockList();
        list.addSubnet(base, prefix, `ipv${family}`);
        const network = parseNetwork(`${base}/${prefix}`)!;
        expect(network.family).toBe(family);
        expect(holds(network, other)).toBe(list.check(other, `ipv${family}`));
        expect(holds(network, base)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it('without a prefix is one address', () => {
    fc.assert(
      fc.property(neighbours(family), ({ base, other }) => {
        expect(holds(parseNetwork(base)!, other)).toBe(base === other);
      }),
    );
  });

  it('with prefix 0 is every address, with the full prefix one', () => {
    const [lowest, highest] =
      family === 4 ? ['0.0.0.0', '255.255.255.255'] : ['::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'];
    expect(holds(parseNetwork(`${highest}/0`)!, lowest)).toBe(true);
    expect(holds(parseNetwork(`${highest}/${family === 4 ? 32 : 128}`)!, lowest)).toBe(false);
  });
});

describe('reading an address', () => {
  it('reads every spelling that node:net reads, as the same address', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (text) => {
        const family = isIP(text) === 4 ? 'ipv4' : 'ipv6';
        const list = new BlockList();
        list.addAddress(text, family);
        const network = parseNetwork(text)!;
        const words = Array.from(network.words, (word) => word >>> 0);
        const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
        const plain =
          family === 'ipv4'
            ? groups.flatMap((group) => [group >>> 8, group & 0xff]).join('.')
            : groups.map((group) => group.toString(16)).join(':');
        expect(list.check(plain, family)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('reads nothing that node:net does not read', () => {
    const piece = fc.constantFrom(
      ':',
      '::',
      '.',
      '0',
      '1',
      '00',
      '255',
      '256',
      'ff',
      'fffff',
      'g',
      ' ',
      '1.2.3.4',
      'fe80',
      '-1',
      '%eth0',
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join('')),
      fc.string({ maxLength: 20 }),
      fc
        .tuple(fc.oneof(ipv4, ipv6), fc.nat(40), fc.constantFrom(':', '.', '0', 'g', ' ', '/'))
        .map(([address, at, inserted]) => address.slice(0, at) + inserted + address.slice(at)),
    );
    fc.assert(
      fc.property(
        text.filter((each) => !each.includes('/')),
        (each) => {
          const zoned = each.includes('%');
          expect(parseNetwork(each) !== undefined).toBe(isIP(each) !== 0 && !zoned);
        },
      ),
      { numRuns: 10_000 },
    );
  });

  it.each([
    '',
    '/',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/ 8',
    '10.0.0.0/1e1',
    '::/129',
    '10.0.0/8',
    '256.0.0.1',
    '1.2.3.256',
    '1:2:3:4:5:6:7:8::9::',
    '1:2:3:4:5:6:7:8::',
    '::1::',
    '1:2:3:4:5:6:7',
    'fe80::1%eth0',
    '010.0.0.1',
    '1.2.3.4::',
    '::1.2.3.4:1',
  ])('refuses %j', (text) => {
    expect(parseNetwork(text)).toBeUndefined();
  });

  it('clears the bits behind the prefix', () => {
    expect(parseNetwork('10.1.2.3/8')).toEqual(parseNetwork('10.0.0.0/8'));
    expect(parseNetwork('2001:db8:1::1/33')).toEqual(parseNetwork('2001:db8::/33'));
  });
});
