import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Beat, startBeat } from '../../../agent/model/beat.ts';

const looks: string[] = [];
let beats: Beat[] = [];

function start(name: string, everySeconds: number, now?: () => number): void {
  beats.push(startBeat(everySeconds, () => void looks.push(`${name} ${Date.now() % 1_000_000}`), now));
}

beforeEach(() => {
  looks.length = 0;
  vi.useFakeTimers({ now: 1_700_000_000_300 });
});
afterEach(() => {
  for (const beat of beats) beat.stop();
  beats = [];
  vi.useRealTimers();
});

describe('looks that come round', () => {
  test('begin with a second, whenever they were started', () => {
    start('a', 1);
    vi.advanceTimersByTime(450);
    start('b', 2);
    vi.advanceTimersByTime(3300);
    expect(looks.toSorted()).toEqual(['a 1000', 'a 2000', 'a 3000', 'a 4000', 'b 2000', 'b 4000']);
  });

  test('come once where a timer comes early', () => {
    let earlyMs = 0;
    start('a', 1, () => Date.now() - earlyMs);
    earlyMs = 3;
    vi.advanceTimersByTime(2750);
    // The clock of the look is 3 ms behind: the next one is that of the next second, not of the rest of this one.
    expect(looks).toEqual(['a 1000', 'a 2003', 'a 3003']);
  });

  test('continue where the clock is set, within one period', () => {
    start('a', 2);
    vi.setSystemTime(1_600_000_000_500);
    vi.advanceTimersByTime(2000);
    expect(looks).toHaveLength(1);
    vi.advanceTimersByTime(2000);
    expect(looks.at(-1)).toMatch(/^a \d*000$/);
  });

  test('go on after a look that fails, and end when they are stopped', () => {
    const failing = startBeat(1, () => {
      looks.push('failed');
      throw new Error('a look');
    });
    expect(() => vi.advanceTimersByTime(700)).toThrow('a look');
    expect(() => vi.advanceTimersByTime(1000)).toThrow('a look');
    failing.stop();
    vi.advanceTimersByTime(10_000);
    expect(looks).toEqual(['failed', 'failed']);
  });
});
