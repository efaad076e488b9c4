import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeHeader, encodeHeader, LAYOUT_VERSION, PAGE_BYTES } from '../../../agent/meter/header-block.ts';

const VALUE = { windowStart: 60, point: { interfaceId: 'eni-"1"', interfaceName: 'größe0' } };

describe('a header', () => {
  test('comes back as it was, in whole pages', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 500 }), { maxLength: 30 }), (names) => {
        const block = encodeHeader({ names });
        expect(block.length % PAGE_BYTES).toBe(0);
        expect(decodeHeader(block)).toEqual({
          kind: 'header',
          value: { names },
          bytes: block.length,
          layout: LAYOUT_VERSION,
        });
        expect(decodeHeader(Buffer.concat([block, Buffer.alloc(100, 7)]))).toMatchObject({ value: { names } });
      }),
    );
  });

  test('is read from the middle of a larger buffer, as Node.js gives small files', () => {
    const around = Buffer.concat([Buffer.alloc(24, 9), encodeHeader(VALUE)]);
    expect(decodeHeader(around.subarray(24))).toMatchObject({ value: VALUE });
  });

  test('with any other bit in what it covers is damaged, never another header', () => {
    const block = encodeHeader(VALUE);
    const covered = 32 + new TextEncoder().encode(JSON.stringify(VALUE)).length;
    for (let bit = 0; bit < covered * 8; bit++) {
      const other = block.slice();
      other[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeHeader(other).kind).toBe('damaged');
    }
  });

  test('cut anywhere is damaged or blank', () => {
    const block = encodeHeader(VALUE);
    for (let length = 0; length < block.length; length++) {
      expect(decodeHeader(block.subarray(0, length)).kind).toBe(length === 0 ? 'blank' : 'damaged');
    }
  });

  test('that nobody wrote is blank', () => {
    expect(decodeHeader(new Uint8Array(PAGE_BYTES))).toEqual({ kind: 'blank' });
  });

  test('of a newer layout says so by its number, whatever follows', () => {
    const block = encodeHeader(VALUE);
    new Uint32Array(block.buffer)[1] = LAYOUT_VERSION + 1;
    block.fill(7, 16);
    expect(decodeHeader(block)).toEqual({ kind: 'newer', layout: LAYOUT_VERSION + 1 });
  });

  test('of a machine with the other byte order is not believed', () => {
    const block = encodeHeader(VALUE);
    new DataView(block.buffer).setUint32(0, new DataView(block.buffer).getUint32(0, true), false);
    expect(decodeHeader(block)).toMatchObject({ kind: 'damaged', reason: expect.stringContaining('kind of machine') });
  });
});
