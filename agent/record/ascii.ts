/**
 * Hot writers of text into a caller's buffer: each puts its bytes at `at` and answers the offset after them. They make no
 * string and no object, because they run a dozen times for every record; the caller has already made sure of the room
 * (the `*_BYTES_MAX` beside each).
 */

const ZERO = 0x30;
const DOT = 0x2e;
const COLON = 0x3a;
const MINUS = 0x2d;

/** Two digits at a time halve the divisions: the pair for `n` stands at `2 * n`. */
const PAIRS = new Uint8Array(200);
for (let n = 0; n < 100; n++) {
  PAIRS[2 * n] = ZERO + Math.floor(n / 10);
  PAIRS[2 * n + 1] = ZERO + (n % 10);
}

/** Every octet as decimal text: its length, then its (up to three) digits, at `4 * octet`. */
const OCTETS = new Uint8Array(1024);
for (let octet = 0; octet < 256; octet++) {
  const text = String(octet);
  OCTETS[4 * octet] = text.length;
  for (let i = 0; i < text.length; i++) OCTETS[4 * octet + 1 + i] = text.charCodeAt(i);
}

const HEX = new Uint8Array(16);
for (let n = 0; n < 16; n++) HEX[n] = n.toString(16).charCodeAt(0);

/** Writes a whole number, 0 to 2^53. */
export function writeDecimal(value: number, buffer: Uint8Array, at: number): number {
  if (value < 10) {
    buffer[at] = ZERO + value;
    return at + 1;
  }
  if (value < 1e9) {
    const end = at + digitsOf(value);
    writeDigits(value, buffer, at, end);
    return end;
  }
  // Beyond 32 bits the machine divides doubles, so the number is cut once into two halves that fit integers.
  const high = Math.floor(value / 1e9);
  const middle = writeDecimal(high, buffer, at);
  writeDigits(value - high * 1e9, buffer, middle, middle + 9);
  return middle + 9;
}

/** Writes a whole number that may be negative (a window before 1970 in a strange savefile). */
export function writeInteger(value: number, buffer: Uint8Array, at: number): number {
  if (value >= 0) return writeDecimal(value, buffer, at);
  buffer[at] = MINUS;
  return writeDecimal(-value, buffer, at + 1);
}

function digitsOf(value: number): number {
  if (value < 100) return 2;
  if (value < 1000) return 3;
  if (value < 10_000) return 4;
  if (value < 100_000) return 5;
  if (value < 1_000_000) return 6;
  if (value < 10_000_000) return 7;
  return value < 100_000_000 ? 8 : 9;
}

/** Fills `start` to `end` from the right, with leading zeros where the number is shorter. */
function writeDigits(value: number, buffer: Uint8Array, start: number, end: number): void {
  let rest = value | 0;
  let at = end;
  while (at - start >= 2) {
    const quotient = (rest / 100) | 0;
    const pair = (rest - quotient * 100) << 1;
    at -= 2;
    buffer[at] = PAIRS[pair]!;
    buffer[at + 1] = PAIRS[pair + 1]!;
    rest = quotient;
  }
  if (at > start) buffer[start] = ZERO + rest;
}

/** Writes an IPv4 address, given as one 32-bit word, as a dotted quad. */
export function writeIpv4(word: number, buffer: Uint8Array, at: number): number {
  let end = writeOctet(word >>> 24, buffer, at);
  buffer[end] = DOT;
  end = writeOctet((word >>> 16) & 0xff, buffer, end + 1);
  buffer[end] = DOT;
  end = writeOctet((word >>> 8) & 0xff, buffer, end + 1);
  buffer[end] = DOT;
  return writeOctet(word & 0xff, buffer, end + 1);
}

function writeOctet(octet: number, buffer: Uint8Array, at: number): number {
  const entry = octet << 2;
  const length = OCTETS[entry]!;
  buffer[at] = OCTETS[entry + 1]!;
  if (length > 1) buffer[at + 1] = OCTETS[entry + 2]!;
  if (length > 2) buffer[at + 2] = OCTETS[entry + 3]!;
  return at + length;
}

export const IPV6_BYTES_MAX = 45;

/**
 * Writes an IPv6 address as RFC 5952 section 4 says: lower case, no leading zeros, `::` for the first of the longest runs of
 * at least two zero groups. Like glibc's `inet_ntop` it ends IPv4-mapped (`::ffff:192.0.2.1`) and IPv4-compatible
 * (`::192.0.2.1`) addresses in a dotted quad (section 5), so that the text can be compared with any other tool's.
 */
export function writeIpv6(
  word0: number,
  word1: number,
  word2: number,
  word3: number,
  buffer: Uint8Array,
  at: number,
): number {
  if (word0 === 0 && word1 === 0 && (word2 >>> 0 === 0xffff || (word2 === 0 && word3 >>> 16 !== 0))) {
    return writeEmbeddedIpv4(word2 !== 0, word3, buffer, at);
  }
  // One bit a group, the first group at bit 7, set where the group is zero: the run to compress is then a table look-up.
  const zeros =
    (word0 >>> 16 === 0 ? 128 : 0) |
    ((word0 & 0xffff) === 0 ? 64 : 0) |
    (word1 >>> 16 === 0 ? 32 : 0) |
    ((word1 & 0xffff) === 0 ? 16 : 0) |
    (word2 >>> 16 === 0 ? 8 : 0) |
    ((word2 & 0xffff) === 0 ? 4 : 0) |
    (word3 >>> 16 === 0 ? 2 : 0) |
    ((word3 & 0xffff) === 0 ? 1 : 0);
  const runStart = RUN_START[zeros]!;
  const runEnd = runStart + RUN_LENGTH[zeros]!;
  let end = at;
  for (let group = 0; group < 8; group++) {
    if (group >= runStart && group < runEnd) {
      buffer[end++] = COLON;
      if (runEnd === 8) buffer[end++] = COLON;
      group = runEnd - 1;
      continue;
    }
    if (group !== 0) buffer[end++] = COLON;
    const word = group < 4 ? (group < 2 ? word0 : word1) : group < 6 ? word2 : word3;
    end = writeGroup((group & 1) === 0 ? word >>> 16 : word & 0xffff, buffer, end);
  }
  return end;
}

/** Where the run of zero groups to compress starts (8: nowhere) and how long it is, for each of the 256 zero masks. */
const RUN_START = new Uint8Array(256);
const RUN_LENGTH = new Uint8Array(256);
for (let mask = 0; mask < 256; mask++) {
  RUN_START[mask] = 8;
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && (mask & (128 >> (start + length))) !== 0) length++;
    if (length < 2 || length <= RUN_LENGTH[mask]!) continue;
    RUN_START[mask] = start;
    RUN_LENGTH[mask] = length;
  }
}

function writeGroup(group: number, buffer: Uint8Array, at: number): number {
  let end = at;
  if (group > 0xfff) buffer[end++] = HEX[group >>> 12]!;
  if (group > 0xff) buffer[end++] = HEX[(group >>> 8) & 15]!;
  if (group > 0xf) buffer[end++] = HEX[(group >>> 4) & 15]!;
  buffer[end] = HEX[group & 15]!;
  return end + 1;
}

function writeEmbeddedIpv4(mapped: boolean, word: number, buffer: Uint8Array, at: number): number {
  buffer[at] = COLON;
  buffer[at + 1] = COLON;
  if (!mapped) return writeIpv4(word, buffer, at + 2);
  buffer.fill(0x66, at + 2, at + 6);
  buffer[at + 6] = COLON;
  return writeIpv4(word, buffer, at + 7);
}

/** The address of a record's family, from its words. */
export function writeAddress(
  family: 4 | 6,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
  buffer: Uint8Array,
  at: number,
): number {
  return family === 4 ? writeIpv4(word0, buffer, at) : writeIpv6(word0, word1, word2, word3, buffer, at);
}

/** Copies a template. A loop, because `set` costs more than it saves on the few dozen bytes of a template. */
export function writeBytes(bytes: Uint8Array, buffer: Uint8Array, at: number): number {
  const length = bytes.length;
  for (let i = 0; i < length; i++) buffer[at + i] = bytes[i]!;
  return at + length;
}

/** Copies a piece of any length: short ones byte by byte, because a call of `set` costs as much as some dozens of them. */
export function copyBytes(bytes: Uint8Array, buffer: Uint8Array, at: number): number {
  if (bytes.length < 48) return writeBytes(bytes, buffer, at);
  buffer.set(bytes, at);
  return at + bytes.length;
}

const encoder = new TextEncoder();

/** Makes a template, once. */
export function template(text: string): Uint8Array {
  return encoder.encode(text);
}
