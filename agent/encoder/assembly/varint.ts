/** Where the number that was read last ends; 0 where there was none. */
export let next: usize = 0;

export const SAFE_INTEGER_MAX: u64 = 0x1f_ffff_ffff_ffff;

/** Reads a number at `at`. What is cut off, or is larger than JavaScript holds exactly, is none. */
export function readVarint(at: usize, end: usize): u64 {
  if (at < end) {
    const byte = load<u8>(at);
    if (byte < 0x80) {
      next = at + 1;
      return byte;
    }
  }
  return readLong(at, end);
}

function readLong(from: usize, end: usize): u64 {
  let value: u64 = 0;
  let at = from;
  for (let shift: u64 = 0; shift < 63 && at < end; shift += 7) {
    const byte = <u64>load<u8>(at++);
    value |= (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    next = value > SAFE_INTEGER_MAX ? 0 : at;
    return value;
  }
  next = 0;
  return 0;
}

/** What was read is not as it should be. */
export function refuse(): void {
  next = 0;
}

/** A number up to `max`; what is larger is none. */
export function readBounded(at: usize, end: usize, max: u32): u32 {
  const value = readVarint(at, end);
  if (value > max) next = 0;
  return <u32>value;
}

export function writeVarint(value: u32, to: usize): usize {
  let rest = value;
  let at = to;
  for (; rest > 0x7f; rest >>>= 7) store<u8>(at++, (rest & 0x7f) | 0x80);
  store<u8>(at, rest);
  return at + 1;
}

export function writeVarint64(value: u64, to: usize): usize {
  let rest = value;
  let at = to;
  for (; rest > 0x7f; rest >>>= 7) store<u8>(at++, (rest & 0x7f) | 0x80);
  store<u8>(at, rest);
  return at + 1;
}

export function varintBytes(value: u32): u32 {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}
