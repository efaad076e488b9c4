import { expect, test } from 'vitest';
import { WindowRevisions } from '../../../agent/meter/window-revisions.ts';

test('a window that is newer than all before is whole, any other a further revision that no other has', () => {
  const revisions = new WindowRevisions();
  expect([60, 120, 120, 60, 180, 0, 180].map((start) => revisions.next(start))).toEqual([0, 0, 1, 2, 0, 3, 4]);
});
