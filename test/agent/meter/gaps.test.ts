import { describe, expect, it } from 'vitest';
import { Gaps } from '../../../agent/meter/gaps.ts';

describe('gaps', () => {
  it('are told to a window by the parts that lie in it', () => {
    const gaps = new Gaps();
    gaps.add({ fromSeconds: 50, toSeconds: 130, reason: 'suspended' });
    gaps.begin('interface-gone', 140);
    expect(gaps.within(0, 60, 150)).toEqual([{ fromSeconds: 50, toSeconds: 60, reason: 'suspended' }]);
    expect(gaps.within(120, 180, 150)).toEqual([
      { fromSeconds: 120, toSeconds: 130, reason: 'suspended' },
      { fromSeconds: 140, toSeconds: 150, reason: 'interface-gone' },
    ]);
    expect(gaps.within(180, 240, 150)).toEqual([]);
  });

  it('are forgotten when the last of their windows has them, unless they are not over', () => {
    const gaps = new Gaps();
    gaps.add({ fromSeconds: 50, toSeconds: 61, reason: 'suspended' });
    const open = gaps.begin('interface-gone', 55);
    gaps.forgetUpTo(60);
    expect(gaps.reachTo(61)).toBe(true);
    gaps.forgetUpTo(120);
    expect(gaps.reachTo(0)).toBe(false);
    expect(gaps.end(open, 130)).toBe(75);
    expect(gaps.within(120, 180, 150)).toEqual([{ fromSeconds: 120, toSeconds: 130, reason: 'interface-gone' }]);
  });

  it('that go on while the clock is set back are as long as both their parts', () => {
    const gaps = new Gaps();
    const open = gaps.begin('interface-gone', 7200);
    gaps.cut(7210, 30);
    gaps.cut(40, 20);
    expect(gaps.end(open, 25)).toBe(25);
    expect(gaps.within(0, 9000, 25).map(({ fromSeconds, toSeconds }) => [fromSeconds, toSeconds])).toEqual([
      [7200, 7210],
      [30, 40],
      [20, 25],
    ]);
  });

  it('that only a clock made are over where it is set back to, all others stay', () => {
    const gaps = new Gaps();
    gaps.add({ fromSeconds: 50, toSeconds: 3650, reason: 'clock-jumped' });
    gaps.add({ fromSeconds: 70, toSeconds: 80, reason: 'clock-jumped' });
    gaps.add({ fromSeconds: 75, toSeconds: 80, reason: 'capture-failed' });
    gaps.unjump(60);
    expect(gaps.within(0, 9000, 60)).toEqual([
      { fromSeconds: 50, toSeconds: 60, reason: 'clock-jumped' },
      { fromSeconds: 75, toSeconds: 80, reason: 'capture-failed' },
    ]);
  });

  it('that ended are not the only ones: an open one alone is in the window, too', () => {
    const gaps = new Gaps();
    gaps.begin('interface-gone', 30);
    expect(gaps.within(0, 60, 50)).toEqual([{ fromSeconds: 30, toSeconds: 50, reason: 'interface-gone' }]);
  });

  it('of no length are in no window: one that ends where it begins, or begins where it ends', () => {
    const gaps = new Gaps();
    gaps.add({ fromSeconds: 50, toSeconds: 60, reason: 'suspended' });
    gaps.add({ fromSeconds: 120, toSeconds: 130, reason: 'suspended' });
    gaps.add({ fromSeconds: 90, toSeconds: 90, reason: 'suspended' });
    gaps.begin('interface-gone', 100);
    expect(gaps.within(60, 120, 100)).toEqual([]);
  });

  it('that are over reach to their last second and no further', () => {
    const gaps = new Gaps();
    gaps.add({ fromSeconds: 50, toSeconds: 61, reason: 'suspended' });
    gaps.begin('interface-gone', 90);
    expect([60, 61, 62, 90].map((second) => gaps.reachTo(second))).toEqual([true, true, false, false]);
    gaps.forgetUpTo(61);
    expect(gaps.reachTo(50)).toBe(false);
  });

  it.each([60, 70])('that only a clock made from second %i on are no more when it is set back to second 60', (from) => {
    const gaps = new Gaps();
    gaps.add({ fromSeconds: from, toSeconds: 80, reason: 'clock-jumped' });
    gaps.unjump(60);
    expect(gaps.reachTo(60)).toBe(false);
  });

  it('take no memory where there are none', () => {
    expect(new Gaps().within(0, 60, 60)).toEqual([]);
    expect(new Gaps().within(0, 60, 60)).toBe(new Gaps().within(60, 120, 120));
  });
});
