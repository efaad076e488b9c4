import { expect, test } from 'vitest';
import { parseWindowFileName, stemOf, windowFileName } from '../../../agent/meter/window-file.ts';
import { POINT } from '../../support/closed-windows.ts';

test('names of files say what they are', () => {
  for (const windowStart of [1_700_000_040, 0, -60]) {
    const stem = stemOf({ runId: 'ab12', point: POINT, windowStart, revision: 3 });
    for (const part of [0, 1, 12]) {
      const expected = { stem, windowStart, runId: 'ab12', revision: 3, part };
      expect(parseWindowFileName(windowFileName(stem, part))).toEqual(expected);
    }
    expect(windowFileName(stem)).toBe(`${stem}.window`);
  }
});

test('other names are not ours', () => {
  const stem = stemOf({ runId: 'ab12', point: POINT, windowStart: 60, revision: 0 });
  for (const name of [
    'lock',
    `${stem}.window.bak`,
    `${stem}.window-`,
    `${stem}.ipv4-0`,
    `x${stem}.window`,
    'a.seen',
    '',
  ])
    expect(parseWindowFileName(name)).toBeUndefined();
});

test('observation points have names of their own, whatever their identifiers hold', () => {
  const names = [
    POINT,
    { ...POINT, interfaceId: 'eni/../1' },
    { ...POINT, interfaceName: 'eth1' },
    { ...POINT, flowLog: { ...POINT.flowLog, id: 'fl-2' } },
  ].map((point) => stemOf({ runId: 'ab12', point, windowStart: 60, revision: 0 }));
  expect(new Set(names).size).toBe(4);
  for (const name of names) expect(name).toMatch(/^60-ab12-[0-9a-f]{16}-0$/);
});
