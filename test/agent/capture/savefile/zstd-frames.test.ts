import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DamagedBytes } from '../../../../agent/capture/byte-source.ts';
import { ZstdFrames } from '../../../../agent/capture/savefile/zstd-frames.ts';
import { concat } from '../../../support/packet-builder.ts';
import { skippableZstdFrame, zstdFrame } from '../../../support/zstd-data.ts';

/** One byte a time or all at once: where the frames end does not depend on it. */
function framesIn(bytes: Uint8Array, pieceBytes: number): { ends: number[]; isWhole: boolean } {
  const frames = new ZstdFrames();
  const ends: number[] = [];
  for (let from = 0; from < bytes.length; from += pieceBytes) {
    const piece = bytes.subarray(from, from + pieceBytes);
    for (let at = 0; at < piece.length; ) {
      at = frames.next(piece, at);
      if (frames.isWhole) ends.push(from + at);
    }
  }
  return { ends, isWhole: frames.isWhole };
}

const CONTENT = fc.uint8Array({ maxLength: 300 });
const FRAME = fc.oneof(
  fc
    .record({
      content: CONTENT,
      blockBytes: fc.integer({ min: 1, max: 400 }),
      size: fc.constantFrom('absent' as const, 'short' as const, 'single segment' as const),
      checksum: fc.boolean(),
    })
    .map(({ content, ...options }) => zstdFrame(content, options)),
  fc.tuple(CONTENT, fc.nat(15)).map(([content, kind]) => skippableZstdFrame(content, kind)),
);

describe('the frames of zstd data', () => {
  test('end where they were written to end, however the data comes in', () => {
    const property = fc.property(
      fc.array(FRAME, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1 }),
      (list, size) => {
        let end = 0;
        const ends = list.map((each) => {
          end += each.length;
          return end;
        });
        expect(framesIn(concat(...list), 1 + (size % 500))).toEqual({ ends, isWhole: true });
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  test('are not whole wherever the last is cut', () => {
    const whole = concat(zstdFrame(new Uint8Array(20)), zstdFrame(new Uint8Array(50), { checksum: true }));
    const first = zstdFrame(new Uint8Array(20)).length;
    for (let cut = 1; cut < whole.length - first; cut++) {
      expect(framesIn(whole.subarray(0, whole.length - cut), 7)).toEqual({ ends: [first], isWhole: false });
    }
  });

  test.each([
    /* Repeats of one byte: the size of the block is that of its content. */
    ['28b52ffd04585400001078780100fbff39c00202001078039f04788f729ba2'],
    ['28b52ffd00585400001078780100fbff39c00202001078039f0478'],
    ['28b52ffd045879000061206669727374206672616d652c209b963080'],
  ])('are those of the zstd command: %s', (digits) => {
    const bytes = Buffer.from(digits, 'hex');
    expect(framesIn(bytes, 5)).toEqual({ ends: [bytes.length], isWhole: true });
  });

  test('are looked for in any bytes, and each look advances', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 200 }), FRAME, (noise, first) => {
      const frames = new ZstdFrames();
      const bytes = concat(first, Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd), noise);
      try {
        for (let at = 0, next = 0; at < bytes.length; at = next) {
          next = frames.next(bytes, at);
          expect(next).toBeGreaterThan(at);
          expect(next).toBeLessThanOrEqual(bytes.length);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(DamagedBytes);
      }
    });
    fc.assert(property, { numRuns: 500 });
  });

  test('are followed by nothing else', () => {
    const frames = new ZstdFrames();
    const bytes = concat(zstdFrame(new Uint8Array(3)), Uint8Array.of(1, 2, 3, 4));
    const end = frames.next(bytes, 0);
    expect(() => frames.next(bytes, end)).toThrow(/corrupt/);
  });
});
