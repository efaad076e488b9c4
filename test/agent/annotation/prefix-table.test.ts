import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PrefixTable } from '../../../agent/annotation/prefix-table.ts';
import { contains, type Network, parseNetwork } from '../../../agent/packet/address.ts';

/** Few distinct bits, so that networks nest and addresses hit them. */
const nearWord = fc.constantFrom(0, 1, 0x0a00_0000, 0x0a00_0001, 0x0a80_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff);

function networkOf(family: 4 | 6): fc.Arbitrary<Network> {
  const words = family === 4 ? 1 : 4;
  return fc
    .tuple(fc.array(nearWord, { minLength: words, maxLength: words }), fc.nat(32 * words))
    .map(([of, prefix]) => {
      const masks = of.map((_, index) => maskOf(prefix - 32 * index));
      return {
        family,
        masks: Int32Array.from(masks),
        words: Int32Array.from(of, (word, index) => word & masks[index]!),
      };
    });
}

function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : ~(0xffff_ffff >>> bits);
}

function prefixOf({ masks }: Network): number {
  return masks.reduce((bits, mask) => bits + (mask >>> 0).toString(2).replaceAll('0', '').length, 0);
}

/** The table's answer by trying every network. */
function longest(networks: readonly (readonly [Network, number])[], words: Int32Array): number | undefined {
  const holding = networks.filter(([network]) => contains(network, words, 0));
  return holding.toSorted(([a], [b]) => prefixOf(a) - prefixOf(b)).at(-1)?.[1];
}

describe.each([4, 6] as const)('IPv%i', (family) => {
  test('the longest prefix decides, the later of two equal ones', () => {
    const size = family === 4 ? 1 : 4;
    const address = fc.array(nearWord, { minLength: size, maxLength: size });
    fc.assert(
      fc.property(
        fc.array(networkOf(family), { maxLength: 12 }),
        fc.array(address, { minLength: 1 }),
        (of, addresses) => {
          const networks = of.map((network, index) => [network, index] as const);
          const table = new PrefixTable(networks);
          for (const [word0, word1 = 0, word2 = 0, word3 = 0] of addresses) {
            const words = Int32Array.of(word0!, word1, word2, word3);
            expect(table.find(word0!, word1, word2, word3)).toBe(longest(networks, words));
          }
          expect(table.ranges).toBeLessThanOrEqual(2 * networks.length + 1);
        },
      ),
      { numRuns: 500 },
    );
  });
});

test('thousands of neighbours of one value are one range', () => {
  const networks = Array.from({ length: 4096 }, (_, i) => parseNetwork(`10.${i >> 8}.${i & 255}.0/24`)!);
  const table = new PrefixTable(networks.map((network) => [network, 'ap-guangzhou'] as const));
  expect(table.ranges).toBe(3);
  expect(table.find(0x0a00_0001, 0, 0, 0)).toBe('ap-guangzhou');
  expect(table.find(0x0a10_0000, 0, 0, 0)).toBeUndefined();
});
