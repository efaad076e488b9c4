/** Numbers and texts as IPFIX writes them (RFC 7011 section 6), network byte order. Hot: no allocation. Each answers where it ended. */

/** Of a field whose length stands before its value, in a template. */
export const VARIABLE_LENGTH = 0xffff;
const SHORT_TEXT_BYTES_MAX = 254;

export function writeUint8(value: number, buffer: Uint8Array, at: number): number {
  buffer[at] = value;
  return at + 1;
}

export function writeUint16(value: number, buffer: Uint8Array, at: number): number {
  buffer[at] = value >>> 8;
  buffer[at + 1] = value;
  return at + 2;
}

export function writeUint32(value: number, buffer: Uint8Array, at: number): number {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
  return at + 4;
}

/** A whole number, 0 to 2^53 - 1; of a negative one, as a time before 1970 would be, 0. */
export function writeUint64(value: number, buffer: Uint8Array, at: number): number {
  if (value < 0) return writeUint64(0, buffer, at);
  const high = Math.floor(value / 0x1_0000_0000);
  return writeUint32(value - high * 0x1_0000_0000, buffer, writeUint32(high, buffer, at));
}

/** The bytes of a text behind their length: one byte, or 255 and two. */
export function writeVariable(bytes: Uint8Array, buffer: Uint8Array, at: number): number {
  buffer.set(bytes, closeVariable(bytes.length, buffer, at));
  return at + bytes.length + (bytes.length > SHORT_TEXT_BYTES_MAX ? 3 : 1);
}

/** Writes the length alone; answers where the value begins. */
function closeVariable(length: number, buffer: Uint8Array, at: number): number {
  if (length <= SHORT_TEXT_BYTES_MAX) return writeUint8(length, buffer, at);
  return writeUint16(length, buffer, writeUint8(255, buffer, at));
}
