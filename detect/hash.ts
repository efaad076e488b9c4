/** Of a text, 32 bits (murmur3 over its UTF-16 units); seeds give hashes that have nothing to do with each other. */
export function hash32(text: string, seed: number): number {
  let hash = seed;
  for (let index = 0; index < text.length; index++) {
    hash ^= scrambled(text.charCodeAt(index));
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
  }
  return mixed(hash ^ text.length);
}

/** A number below 2^53 of a text. */
export function hash53(text: string, seed = 0): number {
  return (hash32(text, seed) >>> 0) * 0x20_0000 + (hash32(text, seed ^ 0x9747b28c) >>> 11);
}

function scrambled(word: number): number {
  const bits = Math.imul(word, 0xcc9e2d51);
  return Math.imul((bits << 15) | (bits >>> 17), 0x1b873593);
}

function mixed(bits: number): number {
  let hash = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
