import { describe, expect, it, test } from 'vitest';
import { Control } from '../../../agent/meter/control.ts';

describe('the control words', () => {
  it('begin with nothing requested', () => {
    const control = new Control();
    expect([control.stopRequested, control.closeBefore, control.progress]).toEqual([false, 0, 0]);
  });

  it('are seen by whoever maps the same memory', () => {
    const here = new Control();
    const there = new Control(here.shared);
    here.setCloseBefore(1_700_000_000);
    here.requestStop();
    there.advance();
    there.advance();
    expect([there.stopRequested, there.closeBefore, here.progress]).toEqual([true, 1_700_000_000, 2]);
  });

  it('carry seconds beyond the year 2038', () => {
    const control = new Control();
    for (const seconds of [0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      control.setCloseBefore(seconds);
      expect(control.closeBefore).toBe(seconds);
    }
  });
});

test('whoever asks ends the sleep of the data plane, by the words that its thread reads', () => {
  const woken: number[] = [];
  const control = new Control(undefined, () => woken.push(control.stopRequested ? -1 : control.closeBefore));
  control.setCloseBefore(600);
  control.setCloseBefore(601);
  control.requestStop();
  new Control(control.shared).advance();
  expect(woken).toEqual([600, 601, -1]);
});
