import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPacketBatch, FRAME_BYTES_MAX, firstSeconds, nextRecord } from '../../../agent/model/packet-batch.ts';
import { RECORD_HEADER_BYTES } from '../../../agent/model/packet-batch-layout.ts';
import { batchOf } from '../../support/packet-batch.ts';

describe('a batch of packets', () => {
  test('holds the longest frame at least', () => {
    expect(createPacketBatch(FRAME_BYTES_MAX + RECORD_HEADER_BYTES)).toMatchObject({ count: 0 });
    expect(() => createPacketBatch(FRAME_BYTES_MAX + RECORD_HEADER_BYTES - 1)).toThrow(RangeError);
  });

  test('has its records on multiples of eight bytes, with no more than seven between them', () => {
    const aligned = fc.nat(100_000).map((words) => words * 8);
    fc.assert(
      fc.property(aligned, fc.integer({ min: 0, max: FRAME_BYTES_MAX }), (offset, captured) => {
        const next = nextRecord(offset, captured);
        expect(next % 8).toBe(0);
        const unused = next - offset - RECORD_HEADER_BYTES - captured;
        expect(unused >= 0 && unused < 8).toBe(true);
      }),
    );
  });

  test('is of the time of its first packet', () => {
    const bytes = new Uint8Array(3);
    expect(
      firstSeconds(
        batchOf([
          { seconds: 2 ** 40, nanoseconds: 500_000_000, bytes },
          { seconds: 1, bytes },
        ]),
      ),
    ).toBe(2 ** 40 + 0.5);
  });
});
