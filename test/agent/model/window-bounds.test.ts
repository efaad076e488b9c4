import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WINDOW_SECONDS_MAX, windowStart } from '../../../agent/model/window-bounds.ts';

test('windows are aligned to the epoch, and each second is in one of them, before 1970 as well', () => {
  const second = fc.integer({ min: -(2 ** 40), max: 2 ** 45 });
  fc.assert(
    fc.property(second, fc.integer({ min: 1, max: WINDOW_SECONDS_MAX }), (seconds, windowSeconds) => {
      const start = windowStart(seconds, windowSeconds);
      expect(Math.abs(start % windowSeconds)).toBe(0);
      expect(start <= seconds && seconds < start + windowSeconds).toBe(true);
    }),
  );
  expect([windowStart(59, 60), windowStart(60, 60), windowStart(-1, 60)]).toEqual([0, 60, -60]);
});
