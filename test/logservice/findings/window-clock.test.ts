import { describe, expect, test } from 'vitest';
import { WindowClock } from '../../../logservice/findings/window-clock.ts';

describe('the clock of windows', () => {
  test('ends a window when records of a later one come', () => {
    const clock = new WindowClock();
    expect(clock.ended).toBeUndefined();
    expect(clock.seen(10, 20)).toBeUndefined();
    expect(clock.seen(10, 20)).toBeUndefined();
    expect(clock.seen(20, 30)).toEqual({ start: 10, end: 20 });
    expect(clock.ended).toBe(20);
  });

  test('ends the open one when nothing more comes, and again when there is more of it', () => {
    const clock = new WindowClock();
    clock.seen(10, 20);
    expect(clock.quiet()).toEqual({ start: 10, end: 20 });
    expect(clock.quiet()).toBeUndefined();
    clock.seen(10, 20);
    expect(clock.quiet()).toEqual({ start: 10, end: 20 });
  });

  test('takes windows of several lengths that end at one time for one', () => {
    const clock = new WindowClock();
    clock.seen(50, 60);
    expect(clock.seen(0, 60)).toBeUndefined();
    expect(clock.seen(60, 70)).toEqual({ start: 0, end: 60 });
  });

  test('never goes back for what comes late', () => {
    const clock = new WindowClock();
    clock.seen(100, 110);
    clock.quiet();
    clock.seen(10, 20);
    expect(clock.quiet()).toEqual({ start: 10, end: 110 });
    expect(clock.ended).toBe(110);
  });
});
