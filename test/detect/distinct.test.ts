import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Distinct, EXACT_MAX } from '../../detect/distinct.ts';
import { hash32, hash53 } from '../../detect/hash.ts';

function distinctOf(hashes: Iterable<number>): Distinct {
  const distinct = new Distinct();
  for (const hash of hashes) distinct.add(hash);
  return distinct;
}
const texts = (count: number) => Array.from({ length: count }, (_, index) => `198.18.${index >> 8}.${index & 255}`);

describe('different values', () => {
  test('are counted exactly, like a set, while they are few', () => {
    const hash = fc.oneof(fc.nat(20), fc.maxSafeNat());
    fc.assert(
      fc.property(fc.array(hash, { maxLength: 300 }), (hashes) => {
        const distinct = new Distinct();
        let held = 0;
        for (const each of hashes) held += distinct.add(each);
        const { size } = new Set(hashes);
        expect([distinct.count, distinct.size, held, distinct.isExact]).toEqual([size, size, size, true]);
      }),
    );
  });

  test('are exact up to the limit, and an estimate of a few percent beyond it, in no more memory', () => {
    expect([distinctOf([]).count, distinctOf([0]).count, distinctOf([0, 0]).count]).toEqual([0, 1, 1]);
    const exact = distinctOf(texts(EXACT_MAX).map((text) => hash53(text)));
    expect([exact.count, exact.isExact]).toEqual([EXACT_MAX, true]);
    for (const count of [EXACT_MAX + 1, 10_000, 65_536]) {
      const estimated = distinctOf([...texts(count), ...texts(count)].map((text) => hash53(text)));
      expect(estimated.isExact).toBe(false);
      expect(Math.abs(estimated.count / count - 1)).toBeLessThan(0.1);
      expect(estimated.size).toBeLessThanOrEqual(EXACT_MAX);
    }
  });

  test('what it holds is the sum of what it said that it holds more', () => {
    const distinct = new Distinct();
    let held = 0;
    for (const text of texts(20_000)) held += distinct.add(hash53(text));
    expect(held).toBe(distinct.size);
  });
});

describe('hashes', () => {
  test('are integers below 2^53, the same for the same text, and others for other texts and seeds', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (left, right) => {
        expect(Number.isSafeInteger(hash53(left)) && hash53(left) >= 0).toBe(true);
        expect(hash53(left) === hash53(right)).toBe(left === right);
        if (left !== '') expect(hash32(left, 1)).not.toBe(hash32(left, 2));
      }),
    );
  });

  test('spread addresses that follow each other over all bits', () => {
    const hashes = texts(65_536).map((text) => hash53(text));
    expect(new Set(hashes).size).toBe(65_536);
    for (const bit of [0, 1, 8, 16, 21, 32, 44, 52]) {
      const set = hashes.filter((hash) => Math.floor(hash / 2 ** bit) % 2 === 1).length;
      expect(Math.abs(set / 65_536 - 0.5)).toBeLessThan(0.02);
    }
  });
});
