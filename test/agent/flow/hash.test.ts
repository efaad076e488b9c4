import { randomFillSync } from 'node:crypto';
import { describe, expect, it, test } from 'vitest';
import { HASH_SEED_WORDS, type HashSeed, hashIpv4, hashIpv6 } from '../../../agent/flow/hash.ts';
import { countPackets, distinctFlow, flowTable, recordsOf } from '../../support/flow-tables.ts';
import type { KeyedPacket } from '../../support/key-rows.ts';
import { SEED } from '../../support/persisted-windows.ts';

/** Three words of an IPv4 key, or nine of an IPv6 key, and the protocol. */
type KeyHash = (seed: HashSeed, words: readonly number[], protocol: number) => number;

const HASHES: readonly (readonly [string, number, KeyHash])[] = [
  [
    'IPv4',
    3,
    (seed, [source, destination, ports], protocol) => hashIpv4(seed, source!, destination!, ports!, protocol),
  ],
  ['IPv6', 9, (seed, words, protocol) => hashIpv6(seed, Int32Array.from(words), 0, protocol)],
];

/** Upper bits of the hashes of keys in which one byte takes all its values. */
function slotsOfByte(hash: KeyHash, words: number, byte: number): number {
  const slots = new Set<number>();
  for (let value = 0; value < 256; value++) {
    const key = Array.from({ length: words }, (_, word) => 0x0102_0304 * (word + 1));
    key[byte >>> 2]! ^= value << (8 * (byte & 3));
    slots.add(hash(SEED, key, 6) >>> 16);
  }
  return slots.size;
}

describe.each(HASHES)('the keyed hash of %s', (_, words, hash) => {
  it('spreads keys that differ in one byte only over all slots, whatever the byte', () => {
    const sizes = Array.from({ length: 4 * words }, (__, byte) => slotsOfByte(hash, words, byte));
    expect(Math.min(...sizes)).toBeGreaterThan(235);
  });

  it('tells protocols apart', () => {
    const key = Array<number>(words).fill(7);
    const slots = new Set(Array.from({ length: 256 }, (__, protocol) => hash(SEED, key, protocol) >>> 16));
    expect(slots.size).toBeGreaterThan(235);
  });

  it('has each of its bits set for half of the keys, and changes half of them with any bit of the key', () => {
    const [keys, ones, changed] = [4096, new Int32Array(32), new Int32Array(32)];
    for (let key = 0; key < keys; key++) {
      const all = Array.from({ length: words }, (__, word) => Math.imul(key + 1, 0x9e37_79b1 + 2 * word) | 0);
      const before = hash(SEED, all, 17);
      const bit = key % (32 * words);
      all[bit >>> 5]! ^= 1 << (bit & 31);
      const after = hash(SEED, all, 17);
      for (let place = 0; place < 32; place++) {
        ones[place]! += (before >>> place) & 1;
        changed[place]! += ((before ^ after) >>> place) & 1;
      }
    }
    // Beyond eight standard deviations of 4096 tosses, which are 32 each.
    for (const count of [...ones, ...changed]) expect(Math.abs(count - keys / 2)).toBeLessThan(8 * 32);
  });

  it('puts the same keys elsewhere in another process', () => {
    const other = randomFillSync(new Int32Array(HASH_SEED_WORDS));
    let same = 0;
    for (let key = 0; key < 1000; key++) {
      const all = Array<number>(words).fill(key);
      if (hash(SEED, all, 6) >>> 20 === hash(other, all, 6) >>> 20) same += 1;
    }
    expect(same).toBeLessThan(20);
  });
});

it('keeps probes short for keys that count up, which a plain product would put into long clusters', () => {
  const table = flowTable(4);
  countPackets(
    table,
    Array.from({ length: 120_000 }, (_, index) => distinctFlow(4, index * 256)),
  );
  const words = table.words;
  let longest = 0;
  for (let at = 0, run = 0; at < words.length; at += 8) {
    run = words[at + 3] === 0 ? 0 : run + 1;
    longest = Math.max(longest, run);
  }
  expect(longest).toBeLessThan(400);
});

describe.each([4, 6] as const)('a table of IPv%i whose keys all have one hash', (family) => {
  /** The worst that a hash can do: keys of small words all come to 0. */
  const hashSeed: HashSeed = new Int32Array(HASH_SEED_WORDS);
  const base = distinctFlow(family, 0);
  const words = family === 4 ? 1 : 4;
  const small: KeyedPacket = {
    ...base,
    source: Array<number>(words).fill(1),
    destination: Array<number>(words).fill(2),
    sourcePort: 0,
  };
  const oneWordOther = (addresses: 'source' | 'destination') =>
    Array.from({ length: words }, (_, word) => ({ ...small, [addresses]: small[addresses].with(word, 9) }));
  const others: readonly KeyedPacket[] = [
    ...oneWordOther('source'),
    ...oneWordOther('destination'),
    { ...small, destinationPort: 444 },
    { ...small, protocol: 17 },
  ];

  test.each(others.map((other, index) => [index, other] as const))(
    'keeps flows apart that differ in one part only (%i)',
    (_, other) => {
      const table = flowTable(family, { hashSeed });
      countPackets(table, [small, other, other, small, other]);
      expect(
        recordsOf(family, table)
          .map(({ packets }) => packets)
          .sort(),
      ).toEqual([2, 3]);
    },
  );

  test('keeps all of them, through growth and past the end of its slots', () => {
    const table = flowTable(family, { hashSeed });
    const flows = Array.from({ length: 300 }, (_, index) => ({ ...small, destinationPort: index }));
    countPackets(table, [...flows, ...flows]);
    const records = recordsOf(family, table);
    expect(records.map(({ destinationPort }) => destinationPort).sort((a, b) => a - b)).toEqual(
      flows.map(({ destinationPort }) => destinationPort),
    );
    expect(records.every(({ packets }) => packets === 2)).toBe(true);
  });
});
