/** Writes zstd frames (RFC 8878) whose blocks are stored, not compressed: every Node can write them, and zstd reads them. */
import { concat } from './packet-builder.ts';

export interface ZstdFrameOptions {
  /** Bytes of each block but the last. */
  readonly blockBytes?: number;
  /** How the header says the length of the content: not at all, in 4 bytes, or in 8 of a single segment. */
  readonly size?: 'absent' | 'short' | 'single segment';
  /** The power of two of the window that a decompressor needs, from 10 on; 20 when absent. */
  readonly window?: number;
  /** A checksum of zeros, which is wrong: for who looks at the frame alone. */
  readonly checksum?: boolean;
}

function words(bytes: number, ...values: readonly (number | bigint)[]): Uint8Array {
  const buffer = Buffer.alloc(bytes * values.length);
  for (const [index, value] of values.entries()) {
    if (bytes === 8) buffer.writeBigUInt64LE(BigInt(value), 8 * index);
    else buffer.writeUIntLE(Number(value), bytes * index, bytes);
  }
  return buffer;
}

function block(content: Uint8Array, isLast: boolean): Uint8Array {
  return concat(words(3, (content.length << 3) | (isLast ? 1 : 0)), content);
}

export function zstdFrame(content: Uint8Array, options: ZstdFrameOptions = {}): Uint8Array {
  const { blockBytes = 1000, size = 'absent', window: power = 20, checksum = false } = options;
  const flags = { absent: 0, short: 0x80, 'single segment': 0xe0 }[size] | (checksum ? 0x04 : 0);
  const window = size === 'single segment' ? new Uint8Array(0) : Uint8Array.of((power - 10) << 3);
  const length = { absent: [], short: [words(4, content.length)], 'single segment': [words(8, content.length)] }[size];
  const blocks: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < content.length; at += blockBytes) {
    blocks.push(block(content.subarray(at, at + blockBytes), at + blockBytes >= content.length));
  }
  const end = new Uint8Array(checksum ? 4 : 0);
  return concat(words(4, 0xfd2fb528), Uint8Array.of(flags), window, ...length, ...blocks, end);
}

export function skippableZstdFrame(content: Uint8Array, kind = 0): Uint8Array {
  return concat(words(4, 0x184d2a50 + kind, content.length), content);
}
