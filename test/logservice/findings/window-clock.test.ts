import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WindowClock } from '../../../logservice/findings/window-clock.ts';

/** Behind all of them. */
const NOW = 1000;

describe('the clock of windows', () => {
  test('ends a window when records of a later one come', () => {
    const clock = new WindowClock();
    expect(clock.ended).toBeUndefined();
    expect(clock.seen(10, 20, NOW)).toBeUndefined();
    expect(clock.seen(10, 20, NOW)).toBeUndefined();
    expect(clock.seen(20, 30, NOW)).toEqual({ start: 10, end: 20 });
    expect(clock.ended).toBe(20);
  });

  test('ends the open one when nothing more comes, and again when there is more of it', () => {
    const clock = new WindowClock();
    clock.seen(10, 20, NOW);
    expect(clock.quiet()).toEqual({ start: 10, end: 20 });
    expect(clock.quiet()).toBeUndefined();
    clock.seen(10, 20, NOW);
    expect(clock.quiet()).toEqual({ start: 10, end: 20 });
  });

  test('takes windows of several lengths that end at one time for one', () => {
    const clock = new WindowClock();
    clock.seen(50, 60, NOW);
    expect(clock.seen(0, 60, NOW)).toBeUndefined();
    expect(clock.seen(60, 70, NOW)).toEqual({ start: 0, end: 60 });
  });

  test('takes what is later than the own clock for now', () => {
    const clock = new WindowClock();
    expect(clock.seen(1050, 1060, NOW)).toBeUndefined();
    expect(clock.seen(980, 990, NOW)).toBeUndefined();
    expect(clock.quiet()).toEqual({ start: 980, end: NOW });
    expect(clock.ended).toBe(NOW);
  });

  test('ends one that is open for a quarter of a minute, though none later comes', () => {
    const clock = new WindowClock();
    clock.seen(980, 990, NOW);
    expect(clock.seen(985, 1010, NOW + 14)).toBeUndefined();
    expect(clock.seen(985, 1010, NOW + 15)).toEqual({ start: 980, end: 1010 });
    expect(clock.seen(985, 1010, NOW + 16)).toBeUndefined();
  });

  test('never goes back for what comes late', () => {
    const clock = new WindowClock();
    clock.seen(100, 110, NOW);
    clock.quiet();
    clock.seen(10, 20, NOW);
    expect(clock.quiet()).toEqual({ start: 10, end: 110 });
    expect(clock.ended).toBe(110);
  });

  test('what is later than the own clock ends nothing, however often it comes', () => {
    const clock = new WindowClock();
    const ends = Array.from({ length: 1000 }, () => clock.seen(NOW + 50, NOW + 60, NOW));
    expect(ends.filter((ended) => ended !== undefined)).toEqual([]);
    clock.seen(NOW - 60, NOW, NOW);
    expect(clock.seen(NOW + 1, NOW + 2, NOW)).toBeUndefined();
    expect(clock.quiet()).toEqual({ start: NOW - 60, end: NOW });
  });

  test('old and new windows by turns end one of them, not each', () => {
    const clock = new WindowClock();
    const turn = [clock.seen(NOW - 60, NOW - 50, NOW), clock.seen(NOW, NOW, NOW), clock.seen(NOW - 60, NOW - 50, NOW)];
    expect(turn).toEqual([undefined, { start: NOW - 60, end: NOW - 50 }, undefined]);
    const rest = Array.from({ length: 1000 }, (_, turns) => clock.seen(NOW - (turns % 2) * 60, NOW, NOW));
    expect(rest.filter((ended) => ended !== undefined).length).toBeLessThanOrEqual(1);
  });

  test('a window without a length is over when a later one comes, not with its next record', () => {
    const clock = new WindowClock();
    clock.seen(10, 10, NOW);
    expect(clock.seen(10, 10, NOW)).toBeUndefined();
    expect(clock.seen(11, 11, NOW)).toEqual({ start: 10, end: 10 });
  });

  test('one that is open when the own clock is set back still ends', () => {
    const clock = new WindowClock();
    clock.seen(NOW - 10, NOW, NOW);
    expect(clock.seen(NOW - 3600, NOW - 3590, NOW - 3590)).toBeUndefined();
    expect(clock.seen(NOW - 3600, NOW - 3590, NOW - 3574)).toEqual({ start: NOW - 3600, end: NOW });
  });

  test('whatever comes within a second ends no more windows than there were seconds to end', () => {
    const age = fc.integer({ min: -119, max: 8 });
    const windows = fc.array(fc.tuple(age, fc.integer({ min: 0, max: 60 })), { minLength: 100, maxLength: 400 });
    fc.assert(
      fc.property(windows, fc.integer({ min: 1, max: 8 }), (seen, known) => {
        const clock = new WindowClock();
        clock.seen(NOW - known - 10, NOW - known, NOW);
        clock.quiet();
        const ends = seen.filter(([ago, length]) => clock.seen(NOW - ago, NOW - ago + length, NOW) !== undefined);
        expect(ends.length).toBeLessThanOrEqual(known);
        expect(clock.ended).toBeLessThanOrEqual(NOW);
      }),
    );
  });
});
