/**
 * From a captured frame to a key row: packet/decode.ts, and its comments, with addresses instead of views. `at` is the frame's
 * address, of which `captured` bytes are there and `wire` were on the wire; `ip` is where the IP header begins in it; `row` is the
 * row's address.
 *
 * Total: any bytes give an answer, and nothing past the captured ones is read. Lengths are unsigned 32-bit numbers: a sum that could
 * wrap is compared from the other side.
 */
import { DESTINATION, ICMP, IP_BYTES, PORTS, PROTOCOL_AND_FLAGS, SOURCE } from '../../packet/key-row';
import { byteAt, shortAt, wordAt } from './big-endian';
import { ICMP_KNOWN, isIcmp } from './icmp';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, findIp, NO_IP } from './ip-start';

export const NOT_IP: i32 = 0;
export const MALFORMED: i32 = 1;
export const IPV4: i32 = 4;
export const IPV6: i32 = 6;

const TCP: u32 = 6;
const UDP: u32 = 17;
const HOP_BY_HOP: u32 = 0;
const ROUTING: u32 = 43;
const FRAGMENT: u32 = 44;
const AUTHENTICATION: u32 = 51;
const NO_NEXT_HEADER: u32 = 59;
const DESTINATION_OPTIONS: u32 = 60;
const OPTION_PAD1: u32 = 0;
const OPTION_JUMBO_PAYLOAD: u32 = 0xc2;
/** No protocol: a later fragment has no transport header. */
const NO_TRANSPORT: u32 = 0xffff_ffff;

export function decodeEthernet(at: usize, captured: u32, wire: u32, row: usize): i32 {
  if (captured < 14) return MALFORMED;
  const type = shortAt(at + 12);
  if (type === ETHERTYPE_IPV4) return decodeIpv4(at, 14, captured, wire, row);
  if (type === ETHERTYPE_IPV6) return decodeIpv6(at, 14, captured, wire, row);
  return decodeEtherType(type, at, 14, captured, wire, row);
}

export function decodeNull(at: usize, captured: u32, wire: u32, row: usize): i32 {
  if (captured < 4) return MALFORMED;
  const big = wordAt(at);
  const family = big > 0xffff ? load<u32>(at) : big;
  if (family === 2) return decodeIpv4(at, 4, captured, wire, row);
  if (family === 10 || family === 23 || family === 24 || family === 28 || family === 30) {
    return decodeIpv6(at, 4, captured, wire, row);
  }
  return NOT_IP;
}

export function decodeRaw(at: usize, captured: u32, wire: u32, row: usize): i32 {
  if (captured < 1) return MALFORMED;
  const version = byteAt(at) >> 4;
  if (version === 4) return decodeIpv4(at, 0, captured, wire, row);
  if (version === 6) return decodeIpv6(at, 0, captured, wire, row);
  return MALFORMED;
}

export function decodeEtherType(type: u32, at: usize, payload: u32, captured: u32, wire: u32, row: usize): i32 {
  const start = findIp(type, at, payload, captured);
  if (start < 0) return start === NO_IP ? NOT_IP : MALFORMED;
  if ((start & 1) === 0) return decodeIpv4(at, start >> 1, captured, wire, row);
  return decodeIpv6(at, start >> 1, captured, wire, row);
}

export function decodeIpv4(at: usize, ip: u32, captured: u32, wire: u32, row: usize): i32 {
  if (captured < ip + 20) return MALFORMED;
  const header = at + ip;
  const word0 = wordAt(header);
  if (word0 >>> 28 !== 4) return MALFORMED;
  const headerBytes = ((word0 >>> 24) & 15) << 2;
  if (headerBytes < 20) return MALFORMED;
  const left = wire - ip;
  const total = word0 & 0xffff;
  if (total !== 0 && total < headerBytes) return MALFORMED;
  const bytes = total === 0 || total > left ? left : total;
  if (bytes < headerBytes) return MALFORMED;

  const protocol = byteAt(header + 9);
  storeWord(row, SOURCE, wordAt(header + 12));
  storeWord(row, DESTINATION, wordAt(header + 16));
  storeWord(row, IP_BYTES, bytes);
  const isLaterFragment = (shortAt(header + 6) & 0x1fff) !== 0;
  const end = min(bytes, captured - ip);
  writeTransport(isLaterFragment ? NO_TRANSPORT : protocol, protocol, header + headerBytes, end - headerBytes, row);
  return IPV4;
}

export function decodeIpv6(at: usize, ip: u32, captured: u32, wire: u32, row: usize): i32 {
  if (captured < ip + 40) return MALFORMED;
  const header = at + ip;
  if (byteAt(header) >> 4 !== 6) return MALFORMED;
  const nextHeader = byteAt(header + 6);
  const held = captured - ip;
  const bytes = ipv6Bytes(header, nextHeader, held, wire - ip);
  storeAddress(row + SOURCE * 4, header + 8);
  storeAddress(row + DESTINATION * 4, header + 24);
  storeWord(row, IP_BYTES, bytes);
  const end = min(bytes, held);
  if (nextHeader === TCP || nextHeader === UDP) {
    writeTransport(nextHeader, nextHeader, header + 40, end - 40, row);
  } else {
    walkExtensionHeaders(nextHeader, header, end, row);
  }
  return IPV6;
}

/** The packet's length by its header, never more than the `left` bytes that the frame had room for. */
export function ipv6Bytes(header: usize, nextHeader: u32, held: u32, left: u32): u32 {
  const payload = shortAt(header + 4);
  if (payload !== 0 || nextHeader === NO_NEXT_HEADER) return min(payload + 40, left);
  const jumbo = nextHeader === HOP_BY_HOP ? jumboPayloadBytes(header + 40, held - 40) : -1;
  return jumbo < 0 ? left : <u32>min<i64>(jumbo + 40, left);
}

/** The Jumbo Payload option of a Hop-by-Hop header, or -1; `held` bytes of it were captured. */
export function jumboPayloadBytes(options: usize, held: u32): i64 {
  if (held < 8) return -1;
  const headerBytes = (byteAt(options + 1) + 1) * 8;
  const end = min(headerBytes, held);
  let next: u32 = 2;
  while (next + 6 <= end) {
    const type = byteAt(options + next);
    if (type === OPTION_PAD1) {
      next += 1;
      continue;
    }
    const length = byteAt(options + next + 1);
    if (type === OPTION_JUMBO_PAYLOAD && length === 4) return <i64>wordAt(options + next + 2);
    next += 2 + length;
  }
  return -1;
}

function walkExtensionHeaders(first: u32, header: usize, end: u32, row: usize): void {
  let protocol = first;
  let next: u32 = 40;
  while (isExtensionHeader(protocol) && next + 8 <= end) {
    const type = protocol;
    protocol = byteAt(header + next);
    if (type === FRAGMENT) {
      if ((shortAt(header + next + 2) & 0xfff8) !== 0) {
        writeTransport(NO_TRANSPORT, protocol, header, 0, row);
        return;
      }
      next += 8;
    } else {
      const length = byteAt(header + next + 1);
      next += type === AUTHENTICATION ? (length + 2) * 4 : (length + 1) * 8;
    }
  }
  writeTransport(protocol, protocol, header + next, end - next, row);
}

function isExtensionHeader(protocol: u32): bool {
  return (
    protocol === HOP_BY_HOP ||
    protocol === ROUTING ||
    protocol === FRAGMENT ||
    protocol === AUTHENTICATION ||
    protocol === DESTINATION_OPTIONS
  );
}

/** @param left bytes of the transport header that are there; none, or fewer, where the header before goes beyond the packet */
function writeTransport(transport: u32, protocol: u32, at: usize, left: i32, row: usize): void {
  let ports: u32 = 0;
  let flags: u32 = 0;
  if (transport === TCP || transport === UDP) {
    if (left >= 4) ports = wordAt(at);
    if (transport === TCP && left >= 14) flags = byteAt(at + 13);
  } else if (isIcmp(protocol)) {
    storeWord(row, ICMP, transport === protocol && left >= 2 ? ICMP_KNOWN | shortAt(at) : 0);
  }
  storeWord(row, PORTS, ports);
  storeWord(row, PROTOCOL_AND_FLAGS, protocol | (flags << 8));
}

function storeWord(row: usize, word: i32, value: u32): void {
  store<u32>(row + (word << 2), value);
}

/** An IPv6 address as four words, each turned from network byte order. */
function storeAddress(to: usize, from: usize): void {
  v128.store(to, v128.swizzle(v128.load(from), i8x16(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)));
}
