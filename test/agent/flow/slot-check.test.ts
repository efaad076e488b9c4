import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addToFlow } from '../../../agent/flow/key-layout.ts';
import { clearDamagedSlots } from '../../../agent/flow/slot-check.ts';
import {
  IPV4_STATE,
  IPV4_WORDS,
  IPV6_STATE,
  IPV6_WORDS,
  OCCUPIED,
  STATE_CARRYING,
} from '../../../agent/flow/slot-layout.ts';
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

/** The slot as it is after each store that one packet of `bytes` makes. */
function storesOf(flow: { packets: number; bytes: number }, bytes: number): Int32Array[] {
  const words = new Int32Array(IPV4_WORDS);
  words.set([OCCUPIED | 6, flow.packets, flow.bytes, 10, 10], IPV4_STATE);
  const stores = [words.slice()];
  const watched = new Proxy(words, {
    get: (target, name) => Reflect.get(target, name),
    set(target, name, value) {
      Reflect.set(target, name, value);
      return stores.push(target.slice()) > 0;
    },
  });
  expect(addToFlow(watched, IPV4_STATE, 6, 1, bytes, 20)).toBe(true);
  return stores;
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
    ['before the low word', 0xffff_fff0, 7 * 2 ** 32 + 0xffff_fff0],
    ['after it', 0x10, 8 * 2 ** 32 + 0x10],
  ])('count a carry that a kill cut short %s', (_, low, bytes) => {
    const words = new Int32Array(IPV4_WORDS);
    words.set([3, low, 0, 0], IPV4_STATE + 1);
    words[IPV4_STATE] = OCCUPIED | STATE_CARRYING | 6 | (7 << 16);
    expect(clearDamagedSlots({ family: 4, words }, WINDOW_SECONDS).bytes).toBe(bytes);
    expect(sumsByCursor(words).bytes).toBe(bytes);
  });

  test('whatever store of a carry comes last before a kill: no flow is 4 GiB short or over', () => {
    const before = { packets: 4, bytes: 0xffff_fc00 };
    const stores = storesOf(before, 1500);
    expect(stores.length).toBeGreaterThan(3);
    for (const words of stores) {
      const { bytes } = clearDamagedSlots({ family: 4, words: words.slice() }, WINDOW_SECONDS);
      expect([before.bytes, before.bytes + 1500]).toContain(bytes);
    }
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
