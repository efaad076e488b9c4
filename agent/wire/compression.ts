import * as zlib from 'node:zlib';
import { deflateRawSync } from 'node:zlib';
import { compressSync } from 'lz4-napi';

/**
 * How a request body is compressed; the names are the values of CLS's `x-cls-compress-type`, where `none` means no header.
 *
 *     lz4      one raw LZ4 block: no frame, no size before it (the service knows no other LZ4)
 *     deflate  raw deflate, RFC 1951, without the zlib header
 *     zstd     one zstd frame; Node has it from 22.15 on
 *
 * Bodies are bounded to 6 MB by the service, so compressing at once costs milliseconds; it runs on the control plane.
 */
export const COMPRESSIONS = ['lz4', 'deflate', 'zstd', 'none'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

type ZstdCompress = (bytes: Uint8Array) => Uint8Array;
/** Absent from older Nodes and from the types of the oldest that we support. */
const zstdCompress = (zlib as unknown as { zstdCompressSync?: ZstdCompress }).zstdCompressSync;

/** Whether this Node can compress so. */
export function isCompressionAvailable(compression: Compression): boolean {
  return compression !== 'zstd' || zstdCompress !== undefined;
}

/** @throws RangeError when this Node cannot; ask `isCompressionAvailable` first. */
export function compress(compression: Compression, bytes: Uint8Array): Uint8Array {
  switch (compression) {
    case 'none':
      return bytes;
    case 'deflate':
      // Level 1: text with few different words shrinks 6.5 times already, and higher levels cost three times as much.
      return deflateRawSync(bytes, { level: 1 });
    case 'zstd':
      if (zstdCompress === undefined) throw new RangeError('this Node has no zstd');
      return zstdCompress(bytes);
    case 'lz4':
      return lz4Block(bytes);
  }
}

/** lz4-napi writes the size, four bytes little endian, before its block. */
const SIZE_PREFIX_BYTES = 4;

function lz4Block(bytes: Uint8Array): Uint8Array {
  const prefixed = compressSync(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  // A change of the package must not turn into bodies that no service can read.
  if (prefixed.length <= SIZE_PREFIX_BYTES || prefixed.readUInt32LE(0) !== bytes.length) return literalBlock(bytes);
  const block = prefixed.subarray(SIZE_PREFIX_BYTES);
  return block.length < literalBlockBytes(bytes.length) ? block : literalBlock(bytes);
}

function literalBlockBytes(length: number): number {
  return length < 15 ? 1 + length : 2 + Math.floor((length - 15) / 255) + length;
}

/**
 * A block that holds its bytes as they are, for input too short or too random to shrink: a token whose high half is the
 * length, or 15 and then length bytes, each adding 255 until one is less.
 */
export function literalBlock(bytes: Uint8Array): Uint8Array {
  const block = new Uint8Array(literalBlockBytes(bytes.length));
  let offset = 0;
  if (bytes.length < 15) {
    block[offset++] = bytes.length << 4;
  } else {
    block[offset++] = 0xf0;
    let rest = bytes.length - 15;
    for (; rest >= 255; rest -= 255) block[offset++] = 255;
    block[offset++] = rest;
  }
  block.set(bytes, offset);
  return block;
}
