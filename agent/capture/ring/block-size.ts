import type { LiveOptions } from '../../model/packet-source.ts';

/**
 * How large the blocks of a ring are. The kernel fills one while we read another, and holds back a partly filled one, so a
 * ring has four at least where frames allow; large ones are fewer wake-ups. But a block is used up when its time is over, however few
 * packets it has: while this process stands still, a ring of 64 blocks is full after six seconds at any rate, one of 256 after 25.
 *
 *     ring of 64 MiB    256 blocks of 256 KiB
 *     ring of 1 MiB     4 blocks of 256 KiB
 */
const BLOCK_BYTES_MAX = 256 * 1024;
const BLOCKS_MIN = 4;
/** What the kernel writes in front of a frame, and of the first frame of a block, at most. */
const HEADERS_BYTES_MAX = 4096;

export function blockBytesOf({ bufferBytes, snapBytes }: Pick<LiveOptions, 'bufferBytes' | 'snapBytes'>): number {
  const ofRing = powerOfTwoUpTo(bufferBytes / BLOCKS_MIN);
  const ofFrame = 2 * powerOfTwoUpTo(snapBytes + HEADERS_BYTES_MAX - 1);
  return Math.max(Math.min(ofRing, BLOCK_BYTES_MAX), ofFrame);
}

function powerOfTwoUpTo(bytes: number): number {
  return 2 ** Math.floor(Math.log2(bytes));
}
