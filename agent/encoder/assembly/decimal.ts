import { PAIRS } from '../layout';

const ZERO: u32 = 0x30;

/** Writes a whole number as decimal text. */
export function writeDecimal(value: u64, to: usize): usize {
  if (value < 10) {
    store<u8>(to, <u32>value + ZERO);
    return to + 1;
  }
  if (value < 1_000_000_000) {
    const end = to + digitsOf(<u32>value);
    writeDigits(<u32>value, to, end);
    return end;
  }
  const high = value / 1_000_000_000;
  const middle = writeDecimal(high, to);
  writeDigits(<u32>(value - high * 1_000_000_000), middle, middle + 9);
  return middle + 9;
}

function digitsOf(value: u32): usize {
  if (value < 100) return 2;
  if (value < 1000) return 3;
  if (value < 10_000) return 4;
  if (value < 100_000) return 5;
  if (value < 1_000_000) return 6;
  if (value < 10_000_000) return 7;
  return value < 100_000_000 ? 8 : 9;
}

/** Fills `start` to `end` from the right, with leading zeros where the number is shorter. */
function writeDigits(value: u32, start: usize, end: usize): void {
  let rest = value;
  let at = end;
  while (at - start >= 2) {
    const quotient = rest / 100;
    at -= 2;
    store<u16>(at, load<u16>(PAIRS + 2 * <i32>(rest - quotient * 100)));
    rest = quotient;
  }
  if (at > start) store<u8>(start, rest + ZERO);
}
