import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EMPTY_STEPS_MAX, STEPS_DRAWN_MAX, STRETCHES_MAX, Timeline } from '../../../agent/report/timeline.ts';

const DAY = 86_400;

function timelineOf(windowSeconds: number, starts: readonly number[], heldMax?: number): Timeline {
  const timeline = new Timeline(windowSeconds, heldMax);
  for (const start of starts) {
    const step = timeline.of(Math.floor(start / windowSeconds) * windowSeconds);
    step.packets += 1;
    step.bytes += 1000;
    step.first = Math.min(step.first, start);
    step.last = Math.max(step.last, start);
  }
  return timeline;
}

const every = (seconds: number, count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => from + index * seconds);

describe('a timeline', () => {
  test.each([
    ['a window of traffic', 60, [0], 60],
    ['four hours of minutes', 60, every(60, 240), 60],
    ['a minute more', 60, every(60, 241), 120],
    ['an hour of seconds', 1, every(1, 3600), 30],
    ['a week of minutes', 60, every(60, 7 * 1440), 3600],
    ['five years of days', 60, every(DAY, 5 * 365), 28 * DAY],
    ['ten days and an hour of hours', 3600, every(3600, 241), 2 * 3600],
    ['thirty days of hours, of which two make a bar that three are no multiple of', 3600, every(3600, 720), 6 * 3600],
    ['sixty days of hours', 3600, every(3600, 1440), 6 * 3600],
    ['a hundred days of hours', 3600, every(3600, 2400), 12 * 3600],
    ['two hundred days of hours', 3600, every(3600, 4800), DAY],
    ['windows of an odd length', 7, every(7, 1000), 56],
    ['windows of 45 seconds', 45, every(45, 300), 900],
  ])('of %s has steps of a size that people know, or of whole windows', (_what, windowSeconds, starts, stepSeconds) => {
    const drawing = timelineOf(windowSeconds, starts).draw();
    expect(drawing.stepSeconds).toBe(stepSeconds);
    expect(drawing.stretches).toHaveLength(1);
  });

  test('leaves long empty times out, and keeps short ones', () => {
    const later = 5 * 365 * DAY;
    const { stepSeconds, stretches } = timelineOf(60, [0, 60, 60 * (EMPTY_STEPS_MAX + 2), later, later + 60]).draw();
    expect(stepSeconds).toBe(60);
    expect(stretches.map(({ length, placed }) => [length, placed.length])).toEqual([
      [EMPTY_STEPS_MAX + 3, 3],
      [2, 2],
    ]);
    expect(stretches.map(({ sum }) => [sum.first, sum.last])).toEqual([
      [0, 60 * (EMPTY_STEPS_MAX + 2)],
      [later, later + 60],
    ]);
  });

  test('is active from the first to the last packet of each stretch of its windows, however coarse its drawing is', () => {
    const days = every(7 * DAY, 900).flatMap((day) => [day + 30, day + 60]);
    expect(timelineOf(60, days).draw().stepSeconds).toBe(28 * DAY);
    expect(timelineOf(60, days).activity()).toEqual({ seconds: 900 * 30, hasPauses: true });
    expect(timelineOf(60, [5, 100]).activity()).toEqual({ seconds: 95, hasPauses: false });
  });

  test('has no stretch of windows without packets in records', () => {
    const timeline = timelineOf(60, [0, 60]);
    timeline.of(365 * DAY);
    expect(timeline.draw().stretches.map(({ length }) => length)).toEqual([2]);
  });

  test('does not depend on the order in which files come', () => {
    const hours = every(3600, 24).flatMap((hour) => every(60, 60, hour));
    const forth = timelineOf(60, hours).draw();
    expect(timelineOf(60, hours.toReversed()).draw()).toEqual(forth);
    expect(forth.stepSeconds).toBe(600);
  });

  test('fits on a screen whatever the times are, with the sums of all windows', () => {
    const start = fc.oneof(fc.nat(100_000), fc.nat(2 ** 32), fc.constantFrom(0, 2 ** 45));
    fc.assert(
      fc.property(fc.constantFrom(1, 7, 60, 599), fc.array(start, { minLength: 1, maxLength: 80 }), (size, starts) => {
        const timeline = timelineOf(size, starts, 16);
        const { stepSeconds, stretches } = timeline.draw();
        expect(stepSeconds % size).toBe(0);
        expect(stretches.length).toBeLessThanOrEqual(STRETCHES_MAX);
        expect(stretches.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(STEPS_DRAWN_MAX);
        const placed = stretches.flatMap((stretch) => stretch.placed);
        expect(placed.reduce((sum, { step }) => sum + step.bytes, 0)).toBe(1000 * starts.length);
        for (const [index, stretch] of stretches.entries()) {
          const inside = starts.filter((at) => stretch.sum.first <= at && at <= stretch.sum.last);
          expect(stretch.sum.bytes).toBe(1000 * inside.length);
          expect(stretch.sum.first).toBeGreaterThan(stretches[index - 1]?.sum.last ?? Number.NEGATIVE_INFINITY);
        }
        expect(timeline.sum()).toMatchObject({ first: Math.min(...starts), last: Math.max(...starts) });
      }),
    );
  });
});
