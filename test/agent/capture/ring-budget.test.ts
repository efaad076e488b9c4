import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultRingBytesMax, RING_BYTES_MIN, RingBudget } from '../../../agent/capture/ring-budget.ts';

const MEBIBYTE = 2 ** 20;
const GIBIBYTE = 2 ** 30;
const mebibytes = (budget: RingBudget, rings: number, wanted = 64 * MEBIBYTE) =>
  Array.from({ length: rings }, () => (budget.take(wanted) ?? 0) / MEBIBYTE);

describe('the budget of the packet rings', () => {
  it('gives one interface all that it asks for, and many ever less', () => {
    expect(mebibytes(new RingBudget(GIBIBYTE), 9)).toEqual([64, 64, 32, 32, 16, 16, 16, 16, 8]);
    expect(mebibytes(new RingBudget(128 * MEBIBYTE), 5)).toEqual([64, 8, 4, 4, 2]);
  });

  it('has room for five hundred interfaces in a gibibyte, whose first ones came alone', () => {
    const sizes = mebibytes(new RingBudget(GIBIBYTE), 500);
    expect(Math.min(...sizes)).toBe(1);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(1024);
  });

  it('refuses what has no room, and takes it when another ring is given back', () => {
    const budget = new RingBudget(2 * MEBIBYTE);
    expect(mebibytes(budget, 3)).toEqual([1, 1, 0]);
    budget.release(RING_BYTES_MIN);
    expect(budget.take(64 * MEBIBYTE)).toBe(RING_BYTES_MIN);
    expect(budget).toMatchObject({ bytes: 2 * MEBIBYTE, rings: 2 });
  });

  it('never goes beyond its bound, whatever comes and goes', () => {
    const steps = fc.array(fc.record({ wanted: fc.integer({ min: 1, max: 2048 }), goes: fc.nat(30) }), {
      maxLength: 300,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4096 }), steps, (limit, comeAndGo) => {
        const budget = new RingBudget(limit * MEBIBYTE);
        const held: number[] = [];
        for (const { wanted, goes } of comeAndGo) {
          const bytes = budget.take(wanted * MEBIBYTE);
          if (bytes !== undefined) held.push(bytes);
          expect(bytes ?? RING_BYTES_MIN).toBeGreaterThanOrEqual(RING_BYTES_MIN);
          expect(bytes ?? 0).toBeLessThanOrEqual(wanted * MEBIBYTE);
          if (goes < held.length) budget.release(held.splice(goes, 1)[0]!);
          expect(budget.bytes).toBe(held.reduce((sum, each) => sum + each, 0));
          expect(budget.bytes).toBeLessThanOrEqual(limit * MEBIBYTE);
        }
      }),
    );
  });

  it('is an eighth of the host, or half of the cgroup where that is less', () => {
    expect(defaultRingBytesMax(16 * GIBIBYTE, 0)).toBe(2 * GIBIBYTE);
    expect(defaultRingBytesMax(16 * GIBIBYTE, 256 * MEBIBYTE)).toBe(128 * MEBIBYTE);
    expect(defaultRingBytesMax(16 * GIBIBYTE, 8 * GIBIBYTE)).toBe(2 * GIBIBYTE);
    expect(defaultRingBytesMax(16 * GIBIBYTE, 2 ** 63)).toBe(2 * GIBIBYTE);
    expect(defaultRingBytesMax(32 * MEBIBYTE, 0)).toBe(8 * MEBIBYTE);
  });
});
