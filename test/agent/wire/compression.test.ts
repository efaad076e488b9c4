import * as zlib from 'node:zlib';
import { inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMPRESSIONS, compress, isCompressionAvailable, literalBlock } from '../../../agent/wire/compression.ts';
import { decodeLz4Block } from '../../support/lz4-block.ts';

/** Random bytes, and the repetitive text that flow records are. */
const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 2000 }),
  fc
    .array(fc.constantFrom('srcaddr', '10.0.0.1', 'ACCEPT', '443', 'x'), { maxLength: 400 })
    .map((words) => new Uint8Array(Buffer.from(words.join('')))),
);

describe('compression', () => {
  it('lz4 gives a raw block that an independent decoder reads back', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        expect(Buffer.from(decodeLz4Block(compress('lz4', body)))).toEqual(Buffer.from(body));
      }),
    );
  });

  it('lz4 shrinks what repeats', () => {
    const body = Buffer.from('srcaddr10.0.0.1'.repeat(1000));
    expect(compress('lz4', body).length).toBeLessThan(body.length / 50);
  });

  it('lz4 never grows a body by more than the length bytes of literals', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        expect(compress('lz4', body).length).toBeLessThanOrEqual(body.length + 2 + Math.ceil(body.length / 255));
      }),
    );
  });

  it.each([0, 1, 14, 15, 16, 269, 270, 271, 524, 525, 526, 70_000])('a literal block holds %i bytes', (length) => {
    const body = Uint8Array.from({ length }, (_, index) => (index * 7919) & 255);
    expect(Buffer.from(decodeLz4Block(literalBlock(body)))).toEqual(Buffer.from(body));
  });

  it('a literal block of the published 92 bytes starts with f0 4d', () => {
    const block = literalBlock(new Uint8Array(92));
    expect([block[0], block[1], block.length]).toEqual([0xf0, 0x4d, 94]);
  });

  it('reads a view into a larger buffer, not the buffer', () => {
    const whole = Buffer.from('junk-srcaddrsrcaddrsrcaddr-junk');
    const body = new Uint8Array(whole.buffer, whole.byteOffset + 5, 21);
    expect(Buffer.from(decodeLz4Block(compress('lz4', body))).toString()).toBe('srcaddrsrcaddrsrcaddr');
  });

  it('deflate is raw, without the zlib header', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        expect(inflateRawSync(compress('deflate', body)).equals(body)).toBe(true);
      }),
    );
  });

  it('none gives the body itself', () => {
    const body = Uint8Array.of(1, 2, 3);
    expect(compress('none', body)).toBe(body);
  });

  it('zstd is there exactly where Node has it', () => {
    const { zstdDecompressSync } = zlib as unknown as { zstdDecompressSync?: (bytes: Uint8Array) => Buffer };
    expect(isCompressionAvailable('zstd')).toBe(zstdDecompressSync !== undefined);
    const body = Buffer.from('srcaddr10.0.0.1'.repeat(100));
    if (zstdDecompressSync === undefined) expect(() => compress('zstd', body)).toThrow(RangeError);
    else expect(zstdDecompressSync(compress('zstd', body)).equals(body)).toBe(true);
  });

  it('everything but zstd is always there', () => {
    expect(COMPRESSIONS.filter((compression) => compression !== 'zstd').every(isCompressionAvailable)).toBe(true);
  });
});
