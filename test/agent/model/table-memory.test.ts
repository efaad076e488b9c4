import { expect, test } from 'vitest';
import { heapMemory } from '../../../agent/model/table-memory.ts';

test('memory on the heap is zeroed, has the bytes asked for, and travels as a copy', () => {
  const memory = heapMemory(4096);
  expect(memory.words).toEqual(new Int32Array(1024));
  memory.words[1023] = 7;
  const pages = memory.handOver();
  expect(pages).toEqual({ kind: 'copied', words: memory.words });
  memory.release();
  heapMemory(4096).discard();
  expect(structuredClone(pages)).toEqual(pages);
});
