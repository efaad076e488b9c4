import { expect, test } from 'vitest';
import { PointRevisions, WindowRevisions } from '../../../agent/meter/window-revisions.ts';
import { POINT } from '../../support/closed-windows.ts';

test('a window that is newer than all before is whole, any other a further revision that no other has', () => {
  const revisions = new WindowRevisions();
  expect([60, 120, 120, 60, 180, 0, 180].map((start) => revisions.next(start))).toEqual([0, 0, 1, 2, 0, 3, 4]);
});

test('a point that comes back has the revisions that it had, until thousands of others have come since', () => {
  const points = new PointRevisions();
  const named = (interfaceId: string) => ({ ...POINT, interfaceId });
  const observed = [{ point: named('stays') }];
  const [first, staying] = ['first', 'stays'].map((name) => points.of(named(name), observed));
  expect(points.of(named('first'), observed)).toBe(first);
  for (let other = 0; other < 4095; other++) points.of(named(`other-${other}`), observed);
  expect(points.of(named('first'), observed)).toBe(first);
  for (let other = 0; other < 5000; other++) points.of(named(`further-${other}`), observed);
  expect(points.of(named('first'), observed)).not.toBe(first);
  expect(points.of(named('stays'), observed)).toBe(staying);
});
