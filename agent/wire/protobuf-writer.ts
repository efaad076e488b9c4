/**
 * Protobuf's primitives, written straight into a buffer that the caller has made large enough. Hot: no allocation.
 */
function writeWord(word: number, buffer: Uint8Array, at: number): void {
  buffer[at] = word >>> 24;
  buffer[at + 1] = word >>> 16;
  buffer[at + 2] = word >>> 8;
  buffer[at + 3] = word;
}

/** A field below 2^31, left out when zero. */
export function writeSmall(tag: number, value: number, buffer: Uint8Array, at: number): number {
  if (value === 0) return at;
  buffer[at] = tag;
  return writeVarint31(value, buffer, at + 1);
}

/** A field below 2^53, left out when zero. */
export function writeCounter(tag: number, value: number, buffer: Uint8Array, at: number): number {
  if (value === 0) return at;
  buffer[at] = tag;
  return writeVarint(value, buffer, at + 1);
}

export function writeVarint31(value: number, buffer: Uint8Array, at: number): number {
  let rest = value | 0;
  let end = at;
  while (rest > 0x7f) {
    buffer[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[end] = rest;
  return end + 1;
}

/** Bit operations see 32 bits only, so a larger number (below 2^53) gives its low 28 bits first: exactly four groups. */
export function writeVarint(value: number, buffer: Uint8Array, at: number): number {
  if (value < 0x8000_0000) return writeVarint31(value, buffer, at);
  const high = Math.floor(value / 0x1000_0000);
  const low = value - high * 0x1000_0000;
  buffer[at] = low | 0x80;
  buffer[at + 1] = (low >>> 7) | 0x80;
  buffer[at + 2] = (low >>> 14) | 0x80;
  buffer[at + 3] = (low >>> 21) | 0x80;
  return writeVarint31(high, buffer, at + 4);
}

/** A length below 2^14 in two bytes always, so that it can be written after what it counts. */
export function writeVarint14(value: number, buffer: Uint8Array, at: number): void {
  buffer[at] = (value & 0x7f) | 0x80;
  buffer[at + 1] = value >>> 7;
}

/** Of a number below 2^31. */
export function varintBytes(value: number): number {
  return value < 1 << 7 ? 1 : value < 1 << 14 ? 2 : value < 1 << 21 ? 3 : value < 1 << 28 ? 4 : 5;
}

/** An address field, its length taken from the family. */
export function writeAddress(
  tag: number,
  family: 4 | 6,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
  buffer: Uint8Array,
  at: number,
): number {
  buffer[at] = tag;
  writeWord(word0, buffer, at + 2);
  if (family === 4) {
    buffer[at + 1] = 4;
    return at + 6;
  }
  buffer[at + 1] = 16;
  writeWord(word1, buffer, at + 6);
  writeWord(word2, buffer, at + 10);
  writeWord(word3, buffer, at + 14);
  return at + 18;
}
