/**
 * From the bytes of one captured frame to a flow key, or to a named refusal.
 *
 * Total: any bytes and any captured length give an answer; nothing throws, nothing reads past the captured bytes. The key is
 * that of the outermost IP header. Lengths: `captured` bytes of the frame are in the view from `at` on, the frame was `wire`
 * bytes long, no fewer; `ip` is where the IP header begins, counted from `at`. Cooked frames: cooked.ts.
 *
 * Hot: called once per packet. Fields are read as big-endian words through one DataView (RFC 791 section 3.1, RFC 8200
 * section 3), a word once; plain Ethernet with IP takes two comparisons to reach the IP header. Benchmark case: `decode`.
 */

import { ICMP_KNOWN, isIcmp } from './icmp.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, findIp, NO_IP } from './ip-start.ts';
import { DESTINATION, ICMP, IP_BYTES, PORTS, PROTOCOL_AND_FLAGS, SOURCE } from './key-row.ts';

/** The frame carries no IP packet. */
export const NOT_IP = 0;
/** The frame says it carries an IP packet, but what follows is none, or is cut before its header ends. */
export const MALFORMED = 1;
/** A key was written. */
export const IPV4 = 4;
export const IPV6 = 6;
export type Decoded = typeof NOT_IP | typeof MALFORMED | typeof IPV4 | typeof IPV6;

/** Writes the packet's key, protocol, flags, IP bytes and, of ICMP, type and code into the row of `rows` at `row` (see key-row.ts). */
export type Decoder = (
  view: DataView,
  at: number,
  captured: number,
  wire: number,
  rows: Int32Array,
  row: number,
) => Decoded;

const TCP = 6;
const UDP = 17;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const NO_NEXT_HEADER = 59;
const DESTINATION_OPTIONS = 60;
const OPTION_PAD1 = 0;
const OPTION_JUMBO_PAYLOAD = 0xc2;

export const decodeEthernet: Decoder = (view, at, captured, wire, rows, row) => {
  if (captured < 14) return MALFORMED;
  const type = view.getUint16(at + 12);
  if (type === ETHERTYPE_IPV4) return decodeIpv4(view, at, 14, captured, wire, rows, row);
  if (type === ETHERTYPE_IPV6) return decodeIpv6(view, at, 14, captured, wire, rows, row);
  return decodeEtherType(type, view, at, 14, captured, wire, rows, row);
};

/** BSD loopback: an address family of the capturing system, in its or in network byte order. */
export const decodeNull: Decoder = (view, at, captured, wire, rows, row) => {
  if (captured < 4) return MALFORMED;
  const big = view.getUint32(at);
  const family = big > 0xffff ? view.getUint32(at, true) : big;
  if (family === 2) return decodeIpv4(view, at, 4, captured, wire, rows, row);
  if (family === 10 || family === 23 || family === 24 || family === 28 || family === 30) {
    return decodeIpv6(view, at, 4, captured, wire, rows, row);
  }
  return NOT_IP;
};

/** A bare IP packet: its version nibble is all that tells which. */
export const decodeRaw: Decoder = (view, at, captured, wire, rows, row) => {
  if (captured < 1) return MALFORMED;
  const version = view.getUint8(at) >> 4;
  if (version === 4) return decodeIpv4(view, at, 0, captured, wire, rows, row);
  if (version === 6) return decodeIpv6(view, at, 0, captured, wire, rows, row);
  return MALFORMED;
};

export const decodeIpv4Frame: Decoder = (view, at, captured, wire, rows, row) =>
  decodeIpv4(view, at, 0, captured, wire, rows, row);

export const decodeIpv6Frame: Decoder = (view, at, captured, wire, rows, row) =>
  decodeIpv6(view, at, 0, captured, wire, rows, row);

/** What `type` announces at `payload`, behind whatever link layers are between it and the IP header. */
export function decodeEtherType(
  type: number,
  view: DataView,
  at: number,
  payload: number,
  captured: number,
  wire: number,
  rows: Int32Array,
  row: number,
): Decoded {
  const start = findIp(type, view, at, payload, captured);
  if (start < 0) return start === NO_IP ? NOT_IP : MALFORMED;
  if ((start & 1) === 0) return decodeIpv4(view, at, start >> 1, captured, wire, rows, row);
  return decodeIpv6(view, at, start >> 1, captured, wire, rows, row);
}

export function decodeIpv4(
  view: DataView,
  at: number,
  ip: number,
  captured: number,
  wire: number,
  rows: Int32Array,
  row: number,
): Decoded {
  if (captured < ip + 20) return MALFORMED;
  const header = at + ip;
  const word0 = view.getUint32(header);
  if (word0 >>> 28 !== 4) return MALFORMED;
  const headerBytes = ((word0 >>> 24) & 15) << 2;
  if (headerBytes < 20) return MALFORMED;
  const left = wire - ip;
  const total = word0 & 0xffff;
  if (total !== 0 && total < headerBytes) return MALFORMED;
  const bytes = total === 0 || total > left ? left : total;
  if (bytes < headerBytes) return MALFORMED;

  const protocol = (view.getUint32(header + 8) >>> 16) & 0xff;
  rows[row + SOURCE] = view.getInt32(header + 12);
  rows[row + DESTINATION] = view.getInt32(header + 16);
  rows[row + IP_BYTES] = bytes;
  const fragmentOffset = view.getUint16(header + 6) & 0x1fff;
  const end = Math.min(bytes, captured - ip);
  writeTransport(
    fragmentOffset === 0 ? protocol : -1,
    protocol,
    view,
    header + headerBytes,
    end - headerBytes,
    rows,
    row,
  );
  return IPV4;
}

export function decodeIpv6(
  view: DataView,
  at: number,
  ip: number,
  captured: number,
  wire: number,
  rows: Int32Array,
  row: number,
): Decoded {
  if (captured < ip + 40) return MALFORMED;
  const header = at + ip;
  if (view.getUint8(header) >> 4 !== 6) return MALFORMED;
  const nextHeader = view.getUint8(header + 6);
  const held = captured - ip;
  const bytes = ipv6Bytes(view, header, nextHeader, held, wire - ip);
  rows[row + SOURCE] = view.getInt32(header + 8);
  rows[row + SOURCE + 1] = view.getInt32(header + 12);
  rows[row + SOURCE + 2] = view.getInt32(header + 16);
  rows[row + SOURCE + 3] = view.getInt32(header + 20);
  rows[row + DESTINATION] = view.getInt32(header + 24);
  rows[row + DESTINATION + 1] = view.getInt32(header + 28);
  rows[row + DESTINATION + 2] = view.getInt32(header + 32);
  rows[row + DESTINATION + 3] = view.getInt32(header + 36);
  rows[row + IP_BYTES] = bytes;
  const end = Math.min(bytes, held);
  if (nextHeader === TCP || nextHeader === UDP) {
    writeTransport(nextHeader, nextHeader, view, header + 40, end - 40, rows, row);
  } else {
    walkExtensionHeaders(nextHeader, view, header, end, rows, row);
  }
  return IPV6;
}

/** The packet's length by its header, never more than the `left` bytes that the frame had room for. */
export function ipv6Bytes(view: DataView, header: number, nextHeader: number, held: number, left: number): number {
  let bytes = view.getUint16(header + 4) + 40;
  if (bytes === 40 && nextHeader !== NO_NEXT_HEADER) {
    const jumbo = nextHeader === HOP_BY_HOP ? jumboPayloadBytes(view, header + 40, held - 40) : -1;
    bytes = jumbo < 0 ? left : 40 + jumbo;
  }
  return Math.min(bytes, left);
}

/** The Jumbo Payload option of a Hop-by-Hop header (RFC 2675 section 2), or -1; `held` bytes of it were captured. */
function jumboPayloadBytes(view: DataView, options: number, held: number): number {
  if (held < 8) return -1;
  const headerBytes = (view.getUint8(options + 1) + 1) * 8;
  const end = Math.min(headerBytes, held);
  let next = 2;
  while (next + 6 <= end) {
    const type = view.getUint8(options + next);
    if (type === OPTION_PAD1) {
      next += 1;
      continue;
    }
    const length = view.getUint8(options + next + 1);
    if (type === OPTION_JUMBO_PAYLOAD && length === 4) return view.getUint32(options + next + 2);
    next += 2 + length;
  }
  return -1;
}

/** Follows the Next Header chain (RFC 8200 section 4) within the first `end` bytes of the packet. */
function walkExtensionHeaders(
  first: number,
  view: DataView,
  header: number,
  end: number,
  rows: Int32Array,
  row: number,
): void {
  let protocol = first;
  let next = 40;
  while (isExtensionHeader(protocol) && next + 8 <= end) {
    const type = protocol;
    protocol = view.getUint8(header + next);
    if (type === FRAGMENT) {
      if ((view.getUint16(header + next + 2) & 0xfff8) !== 0) {
        writeTransport(-1, protocol, view, 0, 0, rows, row);
        return;
      }
      next += 8;
    } else {
      const length = view.getUint8(header + next + 1);
      next += type === AUTHENTICATION ? (length + 2) * 4 : (length + 1) * 8;
    }
  }
  writeTransport(protocol, protocol, view, header + next, end - next, rows, row);
}

function isExtensionHeader(protocol: number): boolean {
  return (
    protocol === HOP_BY_HOP ||
    protocol === ROUTING ||
    protocol === FRAGMENT ||
    protocol === AUTHENTICATION ||
    protocol === DESTINATION_OPTIONS
  );
}

/**
 * Ports and TCP flags, or type and code of ICMP, from the `left` bytes of transport header that were captured and lie inside
 * the packet. `transport` is the protocol whose header stands there, or -1 for a later fragment, where none does.
 */
function writeTransport(
  transport: number,
  protocol: number,
  view: DataView,
  at: number,
  left: number,
  rows: Int32Array,
  row: number,
): void {
  let ports = 0;
  let flags = 0;
  if (transport === TCP || transport === UDP) {
    if (left >= 4) ports = view.getInt32(at);
    if (transport === TCP && left >= 14) flags = view.getUint8(at + 13);
  } else if (isIcmp(protocol)) {
    rows[row + ICMP] = transport === protocol && left >= 2 ? ICMP_KNOWN | view.getUint16(at) : 0;
  }
  rows[row + PORTS] = ports;
  rows[row + PROTOCOL_AND_FLAGS] = protocol | (flags << 8);
}
