import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs, DEFAULT_BACKOFF, jitterMs } from '../../../agent/export/backoff.ts';

const uniform = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('the backoff', () => {
  it('doubles its bound with each failure, up to the cap', () => {
    const longest = [1, 2, 3, 4, 8, 9].map((failures) => backoffMs(DEFAULT_BACKOFF, failures, () => 1));
    expect(longest).toEqual([500, 1000, 2000, 4000, 60_000, 60_000]);
  });

  it('is never zero and never above its cap, after any number of failures', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), uniform, (failures, random) => {
        const wait = backoffMs(DEFAULT_BACKOFF, failures, () => random);
        expect(wait).toBeGreaterThanOrEqual(DEFAULT_BACKOFF.initialMs / 10);
        expect(wait).toBeLessThanOrEqual(DEFAULT_BACKOFF.capMs);
      }),
    );
  });

  it('spreads agents that failed together over the whole wait', () => {
    const waits = [0, 0.25, 0.5, 0.75].map((random) => backoffMs(DEFAULT_BACKOFF, 20, () => random));
    expect(waits).toEqual([6000, 19_500, 33_000, 46_500]);
  });

  it('jitters a period by a fifth', () => {
    expect([0, 0.25, 0.5].map((random) => jitterMs(30_000, () => random))).toEqual([24_000, 27_000, 30_000]);
  });
});
