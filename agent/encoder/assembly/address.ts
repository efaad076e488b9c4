/** Addresses of records: 4 or 16 bytes in network order behind their length, and their texts (`record/ascii.ts`). */
import { OCTET_BYTES, OCTETS, RUN_LENGTH, RUN_START } from '../layout';

const COLON: u8 = 0x3a;
const LETTERS: u32 = 0x27;
const ZERO: u32 = 0x30;

/** The length that stands at `at`, 4 or 16, with all of them there; else 0. */
export function addressBytes(at: usize, end: usize): u32 {
  if (at >= end) return 0;
  const length = <u32>load<u8>(at);
  return (length === 4 || length === 16) && length < <u32>(end - at) ? length : 0;
}

export function writeAddress(family: u32, address: usize, to: usize): usize {
  return family === 4 ? writeIpv4(address, to) : writeIpv6(address, to);
}

/** Each octet comes with its dot. */
function writeIpv4(address: usize, to: usize): usize {
  let at = to;
  for (let i: usize = 0; i < 4; i++) {
    const octet = <i32>load<u8>(address + i);
    store<u32>(at, load<u32>(OCTETS + 4 * octet));
    at += load<u8>(OCTET_BYTES + octet);
  }
  return at - 1;
}

/** RFC 5952, section 4, and as section 5 has it for IPv4-mapped and IPv4-compatible addresses. */
function writeIpv6(address: usize, to: usize): usize {
  if (load<u64>(address) === 0) {
    const word2 = load<u32>(address, 8);
    if (word2 === 0xffff_0000 || (word2 === 0 && load<u16>(address, 12) !== 0)) {
      return writeEmbeddedIpv4(word2 !== 0, address + 12, to);
    }
  }
  const zeros = zeroGroups(address);
  const runStart = <u32>load<u8>(RUN_START + zeros);
  const runEnd = runStart + load<u8>(RUN_LENGTH + zeros);
  let at = to;
  for (let group: u32 = 0; group < 8; group++) {
    if (group === runStart) {
      store<u8>(at++, COLON);
      if (runEnd === 8) store<u8>(at++, COLON);
      group = runEnd - 1;
      continue;
    }
    if (group !== 0) store<u8>(at++, COLON);
    at = writeGroup(bswap<u16>(load<u16>(address + 2 * group)), at);
  }
  return at;
}

/** One bit a group, the first one at bit 7, set where it is zero. */
function zeroGroups(address: usize): i32 {
  let zeros: i32 = 0;
  for (let group: usize = 0; group < 8; group++) {
    zeros = (zeros << 1) | <i32>(load<u16>(address + 2 * group) === 0);
  }
  return zeros;
}

function writeGroup(group: u32, to: usize): usize {
  let at = to;
  if (group > 0xfff) at = writeDigit(group >>> 12, at);
  if (group > 0xff) at = writeDigit((group >>> 8) & 15, at);
  if (group > 0xf) at = writeDigit((group >>> 4) & 15, at);
  return writeDigit(group & 15, at);
}

function writeDigit(digit: u32, at: usize): usize {
  store<u8>(at, digit + (digit > 9 ? ZERO + LETTERS : ZERO));
  return at + 1;
}

/** `::ffff:192.0.2.1`, or `::192.0.2.1`. */
function writeEmbeddedIpv4(isMapped: bool, address: usize, to: usize): usize {
  store<u16>(to, 0x3a3a);
  if (!isMapped) return writeIpv4(address, to + 2);
  store<u32>(to, 0x6666_6666, 2);
  store<u8>(to, COLON, 6);
  return writeIpv4(address, to + 7);
}
