import { describe, expect, test } from 'vitest';
import { GAP_SECONDS_MAX, LastHeard } from '../../detect/last-heard.ts';

const T = 1_700_000_000;

describe('how long nothing was heard of a cause', () => {
  test('is counted from when it was heard last, and from the first look where it never was', () => {
    const heard = new LastHeard();
    heard.heard('a', T);
    expect([heard.quietSeconds('a', T + 10), heard.quietSeconds('b', T + 10)]).toEqual([10, 0]);
    expect([heard.quietSeconds('a', T + 30), heard.quietSeconds('b', T + 30)]).toEqual([30, 20]);
    heard.heard('a', T + 40);
    expect(heard.quietSeconds('a', T + 45)).toBe(5);
  });

  test.each([
    ['forward', GAP_SECONDS_MAX + 1],
    ['back', -1],
  ])('begins anew for all where the clock was set %s', (_, seconds) => {
    const heard = new LastHeard();
    heard.heard('a', T - 30);
    heard.heard('b', T);
    expect([heard.quietSeconds('a', T + seconds), heard.quietSeconds('b', T + seconds)]).toEqual([0, 0]);
  });

  test('a look that is only late begins nothing', () => {
    const heard = new LastHeard();
    heard.heard('a', T);
    expect(heard.quietSeconds('a', T + GAP_SECONDS_MAX)).toBe(GAP_SECONDS_MAX);
  });

  test('what was forgotten is new', () => {
    const heard = new LastHeard();
    heard.heard('a', T);
    heard.forget('a');
    expect(heard.quietSeconds('a', T + 50)).toBe(0);
  });
});
