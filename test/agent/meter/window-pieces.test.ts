import { expect, test } from 'vitest';
import { WindowPieces } from '../../../agent/meter/window-pieces.ts';

test('a window that is newer than all before is whole, any other a further piece that no other has', () => {
  const pieces = new WindowPieces();
  expect([60, 120, 120, 60, 180, 0, 180].map((start) => pieces.next(start))).toEqual([0, 0, 1, 2, 0, 3, 4]);
});
