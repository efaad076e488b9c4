import { expect, test } from 'vitest';
import { LiveBlock } from '../../../agent/model/live-figures.ts';

test('figures are read from the memory that another thread writes', () => {
  const block = new LiveBlock();
  const other = new LiveBlock(block.shared);
  expect(other.read().packets).toBe(0);
  const counts = { flows: 4, memoryOnlyTables: 5, unwrittenWindows: 6, openPackets: 7 };
  const figures = { packets: 1, bytes: 2 ** 52, lostPackets: 3, ...counts };
  block.write(figures);
  expect(other.read()).toEqual(figures);
});
