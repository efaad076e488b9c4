import { expect, test } from 'vitest';
import { Pace } from '../../../agent/meter/pace.ts';
import type { PacketSource } from '../../../agent/model/packet-source.ts';

const MIB = 1024 * 1024;
const source = (isReady: boolean, ringBytes: number | undefined): PacketSource =>
  ({ isReady, ...(ringBytes !== undefined && { ringBytes }) }) as PacketSource;
const BUSY = source(true, 64 * MIB);
const QUIET = source(false, 2 * MIB);

/** How long the pause is after a wait and some work of so many milliseconds. */
async function pauseAfter(waitedMs: number, workedMs: number, sources: readonly PacketSource[]): Promise<number> {
  let nowMs = 1000;
  const pace = new Pace(() => nowMs);
  await pace.waited(() => {
    nowMs += waitedMs;
  });
  nowMs += workedMs;
  return pace.pauseMs(sources);
}

test('packets that never cease are left alone until four milliseconds after the last look', async () => {
  expect(await pauseAfter(0, 0, [BUSY, QUIET])).toBe(4);
  expect(await pauseAfter(1, 1.5, [BUSY])).toBe(3);
  expect(await pauseAfter(1, 4, [BUSY])).toBe(0);
  expect(await pauseAfter(1, 9, [BUSY])).toBe(0);
});

test('packets that were waited for are looked for at once, and so is what is not packets', async () => {
  expect(await pauseAfter(3, 0, [BUSY])).toBe(0);
  expect(await pauseAfter(0, 0, [QUIET])).toBe(0);
  expect(await pauseAfter(0, 0, [])).toBe(0);
});

test('a small ring, and one of unknown size, is emptied as soon as it can be', async () => {
  expect(await pauseAfter(0, 0, [BUSY, source(true, 4 * MIB)])).toBe(0);
  expect(await pauseAfter(0, 0, [BUSY, source(true, undefined)])).toBe(0);
});
