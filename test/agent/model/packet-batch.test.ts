import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createPacketBatch,
  FRAME_BYTES_MAX,
  firstSeconds,
  frameOf,
  framesOf,
  nextRecord,
  recordAfter,
} from '../../../agent/model/packet-batch.ts';
import { CAPTURED_LENGTH, FRAME, RECORD_HEADER_BYTES } from '../../../agent/model/packet-batch-layout.ts';
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

  test('has its frames between its headers', () => {
    const batch = batchOf([
      { seconds: 1, bytes: Uint8Array.of(1, 2, 3) },
      { seconds: 2, bytes: Uint8Array.of(4, 5, 6, 7, 8, 9, 10, 11, 12) },
    ]);
    const second = recordAfter(batch, 0);
    expect(second).toBe(32);
    expect(framesOf(batch)).toBe(batch.view);
    expect([frameOf(batch, 0), frameOf(batch, second)].map((at) => batch.view.getUint8(at))).toEqual([1, 4]);
    expect(recordAfter(batch, second)).toBe(72);
  });

  test('has them in a buffer of their reader, headers close together, where it leaves them there', () => {
    const frames = new DataView(Uint8Array.of(0, 0, 0, 0, 0, 42, 43, 44, 45).buffer);
    const view = new DataView(new ArrayBuffer(2 * RECORD_HEADER_BYTES));
    const batch = { view, frames, count: 2 };
    for (const [record, frame] of [5, 8].entries()) {
      view.setUint32(record * RECORD_HEADER_BYTES + FRAME, frame, true);
      view.setUint32(record * RECORD_HEADER_BYTES + CAPTURED_LENGTH, 3 - record, true);
    }
    expect(framesOf(batch)).toBe(frames);
    expect(recordAfter(batch, 0)).toBe(RECORD_HEADER_BYTES);
    const places = [0, recordAfter(batch, 0)].map((record) => frameOf(batch, record));
    expect(places.map((at) => frames.getUint8(at))).toEqual([42, 45]);
  });

  test('lies where memory is offered to it, and on the heap where there is none left', () => {
    const bytes = FRAME_BYTES_MAX + RECORD_HEADER_BYTES;
    const place = new Uint8Array(new ArrayBuffer(64 + bytes), 64);
    const offered = [place];
    const places = { take: () => offered.pop(), giveBack: () => undefined };
    const { view } = createPacketBatch(bytes, places);
    expect([view.buffer, view.byteOffset, view.byteLength]).toEqual([place.buffer, 64, bytes]);
    expect(createPacketBatch(bytes, places).view.byteLength).toBe(bytes);
  });
});
