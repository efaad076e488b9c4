import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IPV4_STATE, IPV4_WORDS, IPV6_STATE, IPV6_WORDS, OCCUPIED } from '../../../agent/flow/key-layout.ts';
import { clearDamagedSlots } from '../../../agent/flow/slot-check.ts';
import { TableCursor } from '../../../agent/flow/table-cursor.ts';
import { createFlowRecord } from '../../../agent/model/flow-record.ts';
import { fillIpv4 } from '../../support/closed-windows.ts';

const WINDOW_SECONDS = 60;
const FLOWS = 20;

function filled(): Int32Array {
  const words = new Int32Array(64 * IPV4_WORDS);
  fillIpv4(words, FLOWS);
  return words;
}

function sumsByCursor(words: Int32Array): { flows: number; packets: number; bytes: number } {
  const sums = { flows: 0, packets: 0, bytes: 0 };
  const cursor = new TableCursor([{ family: 4, words }]);
  for (const record = createFlowRecord(); cursor.next(record); ) {
    sums.flows += 1;
    sums.packets += record.packets;
    sums.bytes += record.bytes;
  }
  return sums;
}

describe('slots that somebody else wrote', () => {
  test('are left as they are and added up when nothing is wrong with them', () => {
    const words = filled();
    const sums = clearDamagedSlots({ family: 4, words }, WINDOW_SECONDS);
    expect(words).toEqual(filled());
    expect(sums).toEqual({ ...sumsByCursor(filled()), damaged: 0 });
    expect(sums.packets).toBe((FLOWS * (FLOWS + 1)) / 2);
  });

  test('count bytes beyond 32 bits', () => {
    const words = new Int32Array(2 * IPV6_WORDS);
    words.set([3, 5, 1000, 2000], IPV6_STATE + 1);
    words[IPV6_STATE] = OCCUPIED | 6 | (7 << 16);
    expect(clearDamagedSlots({ family: 6, words }, WINDOW_SECONDS)).toEqual({
      flows: 1,
      packets: 3,
      bytes: 7 * 2 ** 32 + 5,
      damaged: 0,
    });
  });

  test.each([
    ['has no packets', IPV4_STATE + 1, 0],
    ['begins before its window', IPV4_STATE + 3, -1],
    ['begins after its end', IPV4_STATE + 3, 59_000_001],
    ['ends after its window', IPV4_STATE + 4, 60_000_000],
    ['is neither free nor occupied', IPV4_STATE, 6],
  ])('lose a flow that %s', (_, word, value) => {
    const words = filled();
    words[IPV4_WORDS + word] = value;
    const sums = clearDamagedSlots({ family: 4, words }, WINDOW_SECONDS);
    expect([sums.damaged, sums.flows, words[IPV4_WORDS + IPV4_STATE]]).toEqual([1, FLOWS - 1, 0]);
    expect(sumsByCursor(words)).toMatchObject({ flows: FLOWS - 1 });
  });

  test('a flow that was torn while it came in is a free slot: its state comes last', () => {
    const words = filled();
    words.set([1, 2, 3, 0, 1, 60, 5, 5], 0);
    expect(clearDamagedSlots({ family: 4, words }, WINDOW_SECONDS)).toMatchObject({ flows: FLOWS, damaged: 0 });
  });

  test('with any words damaged give only flows that can be, and the sums are those of what is left', () => {
    const damage = fc.tuple(fc.nat({ max: 64 * IPV4_WORDS - 1 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
    fc.assert(
      fc.property(fc.array(damage, { maxLength: 60 }), (damages) => {
        const words = filled();
        for (const [at, value] of damages) words[at] = value;
        const { damaged, ...sums } = clearDamagedSlots({ family: 4, words }, WINDOW_SECONDS);
        expect(sumsByCursor(words)).toEqual(sums);
        expect(damaged).toBeLessThanOrEqual(damages.length);
        const cursor = new TableCursor([{ family: 4, words }]);
        for (const record = createFlowRecord(); cursor.next(record); ) {
          expect(record.packets).toBeGreaterThan(0);
          expect(record.firstMicroseconds).toBeGreaterThanOrEqual(0);
          expect(record.lastMicroseconds).toBeGreaterThanOrEqual(record.firstMicroseconds);
          expect(record.lastMicroseconds).toBeLessThan(WINDOW_SECONDS * 1_000_000);
        }
        expect(clearDamagedSlots({ family: 4, words }, WINDOW_SECONDS)).toEqual({ ...sums, damaged: 0 });
      }),
      { numRuns: 300 },
    );
  });
});
