import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FURTHER_PACKETS, IP_BYTES, ROW_WORDS } from '../../../agent/packet/key-row.ts';
import { countSegments, forgetSegments, noteSegments, packetsOf } from '../../../agent/packet/segments.ts';

const JUMBO = 0x8000;

/** What a row says of a frame of which `ipBytes` are from its outermost IP header on. */
function counted(frame: { segmentation: number; wire: number; ipBytes: number; further?: number }) {
  const rows = new Int32Array(2 * ROW_WORDS).fill(77);
  rows[ROW_WORDS + IP_BYTES] = frame.ipBytes;
  rows[ROW_WORDS + FURTHER_PACKETS] = frame.further ?? 0;
  countSegments(frame.segmentation, frame.wire, rows, ROW_WORDS);
  expect([...rows.subarray(0, ROW_WORDS)]).toEqual(new Array(ROW_WORDS).fill(77));
  return { packets: packetsOf(rows, ROW_WORDS), bytes: rows[ROW_WORDS + IP_BYTES]! >>> 0 };
}

/** What is noted beside the second row, with numbers of others around it. */
function noted({ segmentation, wire, ipBytes }: { segmentation: number; wire: number; ipBytes: number }) {
  const further = new Float64Array(6).fill(77);
  noteSegments(segmentation, wire, ipBytes, further, 2);
  expect([...further.subarray(0, 2), ...further.subarray(4)]).toEqual([77, 77, 77, 77]);
  return { packets: 1 + further[2]!, bytes: ipBytes + further[3]! };
}

/** The second account: the frame is cut. */
function cut(payload: number, segmentBytes: number, headers: number): { packets: number; bytes: number } {
  let packets = 0;
  let bytes = 0;
  for (let left = payload; left > 0; left -= segmentBytes) {
    packets += 1;
    bytes += headers + Math.min(left, segmentBytes);
  }
  return { packets, bytes };
}

describe('a frame that is several packets on the wire', () => {
  const segmentBytes = fc.integer({ min: 1, max: 0xffff });
  const payload = fc.integer({ min: 1, max: 600_000 });
  const headers = fc.integer({ min: 28, max: 300 });
  const link = fc.constantFrom(0, 4, 14, 18, 22, 30);

  test('counts as the packets that it is cut into, each with all headers', () => {
    fc.assert(
      fc.property(segmentBytes, payload, headers, link, (segmentBytes, payload, headers, link) => {
        fc.pre(payload / segmentBytes < 10_000);
        const segmentation = ((segmentBytes << 16) | (link + headers)) >>> 0;
        const wire = link + headers + payload;
        const ipBytes = headers + payload;
        expect(counted({ segmentation, wire, ipBytes })).toEqual(cut(payload, segmentBytes, headers));
        expect(noted({ segmentation, wire, ipBytes })).toEqual(cut(payload, segmentBytes, headers));
      }),
    );
  });

  test('leaves away the Hop-by-Hop header of a jumbogram in each packet', () => {
    const segmentation = (1428 << 16) | JUMBO | (14 + 40 + 8 + 32);
    const frame = { segmentation, wire: 14 + 40 + 8 + 32 + 150_000, ipBytes: 40 + 8 + 32 + 150_000 };
    expect(counted(frame)).toEqual(cut(150_000, 1428, 40 + 32));
    expect(noted(frame)).toEqual(cut(150_000, 1428, 40 + 32));
  });

  test('of one segment counts as it is', () => {
    expect(counted({ segmentation: (1448 << 16) | 66, wire: 66 + 1448, ipBytes: 1500 })).toEqual({
      packets: 1,
      bytes: 1500,
    });
    expect(counted({ segmentation: (1448 << 16) | 66, wire: 66 + 1449, ipBytes: 1501 })).toEqual({
      packets: 2,
      bytes: 1553,
    });
  });

  test.each([
    ['no segments', { segmentation: 66, wire: 3000, ipBytes: 2986 }],
    ['headers and no payload', { segmentation: (1448 << 16) | 66, wire: 66, ipBytes: 52 }],
    ['headers that are longer than the frame', { segmentation: (1448 << 16) | 0x7fff, wire: 3000, ipBytes: 2986 }],
    ['headers before the IP header', { segmentation: (1448 << 16) | 14, wire: 3000, ipBytes: 2986 }],
    ['a jumbogram without room for its header', { segmentation: (1448 << 16) | JUMBO | 22, wire: 3000, ipBytes: 2986 }],
  ])('that says %s counts as one packet, whatever the row said before', (_, frame) => {
    expect(counted({ ...frame, further: 41 })).toEqual({ packets: 1, bytes: frame.ipBytes });
    expect(noted(frame)).toEqual({ packets: 1, bytes: frame.ipBytes });
  });

  test('never counts more than a row holds', () => {
    const ipBytes = 0xffff_fff0;
    const frame = { segmentation: (1 << 16) | 30, wire: ipBytes + 10, ipBytes };
    expect(counted(frame)).toEqual({ packets: 0x7fff_ffff, bytes: 0xffff_ffff });
    expect(noted(frame)).toEqual({ packets: 0x7fff_ffff, bytes: ipBytes - 20 + 0x7fff_ffff * 20 });
  });

  test('is never less on the wire than here', () => {
    // One packet, and a header that is on no wire: nothing is noted.
    const frame = { segmentation: (1448 << 16) | JUMBO | 80, wire: 1000, ipBytes: 986 };
    expect(noted(frame)).toEqual({ packets: 1, bytes: 986 });
  });

  test('is forgotten by all rows at once, and nothing else of them', () => {
    const rows = Int32Array.from({ length: 3 * ROW_WORDS }, (_, word) => word + 1);
    forgetSegments(rows);
    const expected = Array.from(rows.keys(), (word) => (word % ROW_WORDS === FURTHER_PACKETS ? 0 : word + 1));
    expect([...rows]).toEqual(expected);
  });
});
