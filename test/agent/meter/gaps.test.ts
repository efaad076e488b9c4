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
});
