/**
 * Decodes one raw LZ4 block, without frame or size (lz4_Block_format.md):
 *
 *     token: literals(4) match-4(4)   [literal length bytes]   literals   [offset, 16 bits LE   match length bytes]
 *
 * The last sequence ends after its literals. The block does not say how much it holds, so the output grows by doubling up to
 * `bytesMax`: a block of a few bytes that claims gigabytes costs no more than that.
 */
export type Lz4Result = Uint8Array | 'malformed' | 'too-large';

/** Up to this many bytes a loop is faster than a call that copies. */
const SHORT = 64;

export function decodeLz4Block(block: Uint8Array, bytesMax: number): Lz4Result {
  // Flow records shrink to an eighth or so: most blocks never grow the output.
  let out = new Uint8Array(Math.min(bytesMax, Math.max(64, block.length * 8)));
  let written = 0;
  let at = 0;

  /** Adds length bytes to a nibble of 15; -1 when the block ends amid them. */
  const extend = (nibble: number): number => {
    let length = nibble;
    if (nibble !== 15) return length;
    for (let byte = 255; byte === 255; ) {
      if (at >= block.length) return -1;
      byte = block[at++]!;
      length += byte;
    }
    return length;
  };
  const makeRoom = (bytes: number): boolean => {
    const needed = written + bytes;
    if (needed > bytesMax) return false;
    if (needed <= out.length) return true;
    const larger = new Uint8Array(Math.min(bytesMax, Math.max(needed, out.length * 2)));
    larger.set(out.subarray(0, written));
    out = larger;
    return true;
  };

  while (at < block.length) {
    const token = block[at++]!;
    const literals = extend(token >> 4);
    if (literals < 0 || at + literals > block.length) return 'malformed';
    if (!makeRoom(literals)) return 'too-large';
    if (literals > SHORT) out.set(block.subarray(at, at + literals), written);
    else for (let i = 0; i < literals; i++) out[written + i] = block[at + i]!;
    written += literals;
    at += literals;
    if (at === block.length) return out.subarray(0, written);
    if (at + 2 > block.length) return 'malformed';
    const offset = block[at]! | (block[at + 1]! << 8);
    at += 2;
    const rest = extend(token & 15);
    if (rest < 0 || offset === 0 || offset > written) return 'malformed';
    const length = rest + 4;
    if (!makeRoom(length)) return 'too-large';
    if (length > SHORT && offset >= length) out.copyWithin(written, written - offset, written - offset + length);
    // A match may reach into what it writes: then byte by byte, as the format means it.
    else for (let i = 0; i < length; i++) out[written + i] = out[written + i - offset]!;
    written += length;
  }
  // An empty block, or one that ends with a match.
  return 'malformed';
}
