import fc from 'fast-check';
import { compressSync } from 'lz4-napi';
import { expect, test } from 'vitest';
import { decodeLz4Block } from '../../../logservice/upload/lz4-block.ts';
import { decodeLz4Block as decodeByTheBook } from '../../support/lz4-block.ts';

/** Bytes that repeat themselves at all distances, so that there is something to match. */
const repetitive = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 400 })), { maxLength: 12 })
  .map((parts) =>
    Buffer.concat(parts.flatMap(([bytes, times]) => Array.from({ length: times }, () => Buffer.from(bytes)))),
  );

const MAX = 1 << 20;

test('what lz4 compresses is decoded again', () => {
  fc.assert(
    fc.property(fc.oneof(repetitive, fc.uint8Array({ maxLength: 3000 })), (bytes) => {
      const block = compressSync(Buffer.from(bytes)).subarray(4);
      const decoded = decodeLz4Block(block, MAX);
      expect(Buffer.from(decoded as Uint8Array).equals(Buffer.from(bytes))).toBe(true);
      if (bytes.length > 0) {
        expect(decodeLz4Block(block, bytes.length - 1)).toBe('too-large');
        expect(decodeLz4Block(block, bytes.length)).toBeInstanceOf(Uint8Array);
      }
    }),
  );
});

test('any bytes give what the format says, or a refusal; never an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (block) => {
      const decoded = decodeLz4Block(block, MAX);
      let expected: Uint8Array | undefined;
      try {
        expected = decodeByTheBook(block);
      } catch {
        expected = undefined;
      }
      if (expected === undefined) expect(decoded).toBe('malformed');
      else expect(decoded).toEqual(expected);
    }),
    { numRuns: 3000 },
  );
});

test('a block that is cut anywhere is refused, or ends where a block may end', () => {
  const bytes = Buffer.from('the same and the same and the same again, and once more the same'.repeat(20));
  const block = compressSync(bytes).subarray(4);
  for (let length = 0; length < block.length; length++) {
    const decoded = decodeLz4Block(block.subarray(0, length), MAX);
    if (decoded instanceof Uint8Array) expect(bytes.subarray(0, decoded.length).equals(decoded)).toBe(true);
    else expect(decoded).toBe('malformed');
  }
});

test.each([
  ['nothing', []],
  ['a frame', [0x04, 0x22, 0x4d, 0x18]],
  ['a match at distance 0', [0x10, 0x61, 0, 0, 0x00]],
  ['a match before the start', [0x10, 0x61, 2, 0, 0x00]],
  ['literals that are not there', [0x50, 0x61]],
  ['a length without end', [0xf0, 255, 255]],
])('%s is malformed', (_name, bytes) => {
  expect(decodeLz4Block(Uint8Array.from(bytes), MAX)).toBe('malformed');
});

test('an empty text is a block of one zero', () => {
  expect(decodeLz4Block(Uint8Array.of(0), MAX)).toEqual(new Uint8Array(0));
});
