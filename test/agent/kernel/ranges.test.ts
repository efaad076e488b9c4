import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RANGE_BYTES_MIN, Ranges } from '../../../agent/kernel/ranges.ts';

const FROM = 3 * RANGE_BYTES_MIN;
const BYTES = 64 * RANGE_BYTES_MIN;

describe('the ranges of a memory', () => {
  it('lie on multiples of their size, never overlap, and become the whole again when all are given back', () => {
    const step = fc.record({ bytes: fc.integer({ min: 1, max: BYTES / 2 }), givesBack: fc.boolean(), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ranges = new Ranges(FROM, BYTES);
        const taken: { address: number; end: number }[] = [];
        for (const { bytes, givesBack, which } of steps) {
          if (givesBack && taken.length > 0) {
            const [range] = taken.splice(which % taken.length, 1);
            ranges.giveBack(range!.address);
            continue;
          }
          const address = ranges.take(bytes);
          if (address === undefined) continue;
          const size = Math.max(2 ** Math.ceil(Math.log2(bytes)), RANGE_BYTES_MIN);
          expect((address - FROM) % size).toBe(0);
          expect(address + size).toBeLessThanOrEqual(FROM + BYTES);
          expect(taken.some((other) => address < other.end && other.address < address + size)).toBe(false);
          taken.push({ address, end: address + size });
        }
        for (const { address } of taken) ranges.giveBack(address);
        expect(ranges.take(BYTES)).toBe(FROM);
      }),
    );
  });

  it('give out all there is, and no more', () => {
    const ranges = new Ranges(FROM, BYTES);
    const addresses = Array.from({ length: 64 }, () => ranges.take(RANGE_BYTES_MIN)!);
    expect(new Set(addresses).size).toBe(64);
    expect(ranges.take(1)).toBeUndefined();
    ranges.giveBack(addresses[5]!);
    expect(ranges.take(2 * RANGE_BYTES_MIN)).toBeUndefined();
    expect(ranges.take(RANGE_BYTES_MIN)).toBe(addresses[5]);
    expect(new Ranges(FROM, BYTES).take(BYTES + 1)).toBeUndefined();
  });

  it('use what is beyond a power of two', () => {
    const ranges = new Ranges(FROM, 7 * RANGE_BYTES_MIN);
    const sizes = [1, 2, 4].map((pages) => pages * RANGE_BYTES_MIN);
    expect(sizes.map((size) => ranges.take(size))).toEqual([6, 4, 0].map((page) => FROM + page * RANGE_BYTES_MIN));
    expect(ranges.take(1)).toBeUndefined();
    for (const page of [0, 4, 6]) ranges.giveBack(FROM + page * RANGE_BYTES_MIN);
    expect(ranges.take(8 * RANGE_BYTES_MIN)).toBeUndefined();
    expect(ranges.take(4 * RANGE_BYTES_MIN)).toBe(FROM);
  });
});
