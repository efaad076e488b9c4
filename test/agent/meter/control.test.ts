import { describe, expect, it } from 'vitest';
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
