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
});
