/**
 * Decodes one raw LZ4 block by the published format, strictly: an independent reader for what the agent compresses.
 * https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 */
export function decodeLz4Block(block: Uint8Array): Uint8Array {
  const out: number[] = [];
  let at = 0;
  const byte = (): number => {
    const value = block[at++];
    if (value === undefined) throw new Error('the block ends too early');
    return value;
  };
  const length = (nibble: number): number => {
    let total = nibble;
    if (nibble === 15) {
      let more = 255;
      while (more === 255) {
        more = byte();
        total += more;
      }
    }
    return total;
  };
  for (;;) {
    const token = byte();
    for (let literals = length(token >> 4); literals > 0; literals--) out.push(byte());
    if (at === block.length) return Uint8Array.from(out);
    const distance = byte() | (byte() << 8);
    if (distance === 0 || distance > out.length) throw new Error('a match reaches before the start');
    for (let matched = length(token & 15) + 4; matched > 0; matched--) out.push(out[out.length - distance] as number);
  }
}
