import { getTasks } from 'node-cron';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Control } from '../../../agent/meter/control.ts';
import { GRACE_SECONDS, startRotation } from '../../../agent/meter/rotation.ts';

const START = Date.UTC(2026, 0, 1, 12, 0, 0, 400);

describe('the rotation', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: START });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('makes windows due a grace after their end, at once and then every second', async () => {
    const control = new Control();
    const stop = startRotation(control, Date.now);
    const seconds = Math.floor(START / 1000);
    expect(control.closeBefore).toBe(seconds - GRACE_SECONDS);
    for (let passed = 1; passed <= 5; passed++) {
      await vi.advanceTimersByTimeAsync(1000);
      expect(control.closeBefore).toBe(seconds + passed - GRACE_SECONDS);
    }
    stop();
  });

  it('goes by the clock it was given', async () => {
    const control = new Control();
    let seconds = 5000.9;
    const stop = startRotation(control, () => seconds * 1000);
    expect(control.closeBefore).toBe(5000 - GRACE_SECONDS);
    seconds = 7000;
    await vi.advanceTimersByTimeAsync(1500);
    expect(control.closeBefore).toBe(7000 - GRACE_SECONDS);
    stop();
  });

  it.each([
    ['years forward', 26 * 365 * 86_400],
    ['hours back', -7200],
  ])('ticks once a second, and no more, when the clock is set %s', async (_, setSeconds) => {
    const control = new Control();
    const ticks = vi.spyOn(control, 'setCloseBefore');
    const stop = startRotation(control, Date.now);
    await vi.advanceTimersByTimeAsync(3000);
    vi.setSystemTime(Date.now() + setSeconds * 1000);
    ticks.mockClear();
    for (let passed = 4; passed <= 8; passed++) {
      await vi.advanceTimersByTimeAsync(1000);
      expect(control.closeBefore).toBe(Math.floor(START / 1000) + passed + setSeconds - GRACE_SECONDS);
    }
    expect(ticks).toHaveBeenCalledTimes(5);
    stop();
  });

  it('goes on within a second when the clock is set while it asks when the next tick is', async () => {
    const control = new Control();
    let asked = 0;
    const stop = startRotation(control, () => Date.now() - (++asked > 1 ? 7_200_000 : 0));
    await vi.advanceTimersByTimeAsync(1000);
    expect(control.closeBefore).toBe(Math.floor(START / 1000) + 1 - 7200 - GRACE_SECONDS);
    stop();
  });

  it('leaves no task behind', () => {
    const stop = startRotation(new Control(), Date.now);
    stop();
    expect(getTasks().size).toBe(0);
  });

  it('ends with all its timers', async () => {
    const control = new Control();
    const stop = startRotation(control, Date.now);
    await vi.advanceTimersByTimeAsync(2000);
    stop();
    const last = control.closeBefore;
    await vi.advanceTimersByTimeAsync(5000);
    expect(control.closeBefore).toBe(last);
    expect(vi.getTimerCount()).toBe(0);
  });
});
