/**
 * What the kernel's packet filter logs (NFLOG), as libpcap hands it out: link type 239,
 * https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html. Four bytes, then attributes, each on a multiple of four bytes:
 *
 *     0       1        2..3      length   type     value
 *     family  version  group     uint16   uint16   length - 4 bytes ...
 *
 * Length and type are in the byte order of the machine that logged, every number in a value is big-endian. The numbers of
 * the attributes are those of linux/netfilter/nfnetlink_log.h.
 *
 * Total, like packet/decode.ts: any bytes give an answer, and nothing past the captured ones is read. No attribute tells
 * the packet's length where only its beginning was copied, so IP lengths are those of the IP header.
 */
import { type Decoder, decodeEthernet, decodeIpv4Frame, decodeIpv6Frame, MALFORMED, NOT_IP } from './decode.ts';

/** One logged packet. Positions count from the beginning of the record; an attribute that is not there is 0. */
export interface NflogPacket {
  family: number;
  hook: number;
  /** EtherType of the payload. */
  protocol: number;
  /** Interface indexes; the physical ones are ports of a bridge. */
  indexIn: number;
  indexOut: number;
  physicalIn: number;
  physicalOut: number;
  prefixAt: number;
  /** Without the zero that ends it. */
  prefixBytes: number;
  payloadAt: number;
  payloadBytes: number;
  /** When the packet arrived: Unix seconds, and microseconds; 0 for one that this host sent. */
  seconds: number;
  microseconds: number;
  linkHeaderBytes: number;
  /** Counts the packets that the group logged; undefined where the kernel was not asked for it. */
  sequence: number | undefined;
}

export function createNflogPacket(): NflogPacket {
  return {
    family: 0,
    hook: 0,
    protocol: 0,
    indexIn: 0,
    indexOut: 0,
    physicalIn: 0,
    physicalOut: 0,
    prefixAt: 0,
    prefixBytes: 0,
    payloadAt: 0,
    payloadBytes: 0,
    seconds: 0,
    microseconds: 0,
    linkHeaderBytes: 0,
    sequence: undefined,
  };
}

const HEADER_BYTES = 4;
const ATTRIBUTE_BYTES = 4;
/** The upper bits of a type are flags (linux/netlink.h). */
const TYPE = 0x3fff;

const FAMILY_IPV4 = 2;
const FAMILY_NETDEV = 5;
const FAMILY_IPV6 = 10;
/** Of the netdev family: what goes out is logged with its link header before it. */
const HOOK_EGRESS = 1;
const ETHERNET_BYTES = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

/** More than an IP header can say: the length of a packet of which only the beginning is here. */
const IP_BYTES_MAX = 40 + 65_535;

const EMPTY = createNflogPacket();

/** Reads the attributes of the record at `at`; false where what is there is no NFLOG record. */
export function readNflog(view: DataView, at: number, captured: number, packet: NflogPacket): boolean {
  Object.assign(packet, EMPTY);
  if (captured < HEADER_BYTES || view.getUint8(at + 1) !== 0) return false;
  packet.family = view.getUint8(at);
  let next = HEADER_BYTES;
  while (next + ATTRIBUTE_BYTES <= captured) {
    const length = view.getUint16(at + next, true);
    const type = view.getUint16(at + next + 2, true) & TYPE;
    if (length < ATTRIBUTE_BYTES) return false;
    const held = Math.min(length, captured - next) - ATTRIBUTE_BYTES;
    readAttribute(type, view, at, next + ATTRIBUTE_BYTES, held, packet);
    next += (length + 3) & ~3;
  }
  return true;
}

/** @param held bytes of the value that were captured */
function readAttribute(
  type: number,
  view: DataView,
  at: number,
  value: number,
  held: number,
  packet: NflogPacket,
): void {
  switch (type) {
    case 1:
      if (held < 3) return;
      packet.protocol = view.getUint16(at + value);
      packet.hook = view.getUint8(at + value + 2);
      return;
    case 3:
      if (held < 16) return;
      // The upper halves are zero until the year 2106.
      packet.seconds = view.getUint32(at + value + 4);
      packet.microseconds = Math.min(view.getUint32(at + value + 12), 999_999);
      return;
    case 4:
      packet.indexIn = wordAt(view, at + value, held);
      return;
    case 5:
      packet.indexOut = wordAt(view, at + value, held);
      return;
    case 6:
      packet.physicalIn = wordAt(view, at + value, held);
      return;
    case 7:
      packet.physicalOut = wordAt(view, at + value, held);
      return;
    case 9:
      packet.payloadAt = value;
      packet.payloadBytes = held;
      return;
    case 10:
      packet.prefixAt = value;
      packet.prefixBytes = textBytes(view, at + value, held);
      return;
    case 12:
      packet.sequence = held < 4 ? undefined : view.getUint32(at + value);
      return;
    case 21:
      packet.linkHeaderBytes = held;
      return;
  }
}

function wordAt(view: DataView, at: number, held: number): number {
  return held < 4 ? 0 : view.getUint32(at);
}

/** A text ends before its first zero. */
function textBytes(view: DataView, at: number, held: number): number {
  let bytes = 0;
  while (bytes < held && view.getUint8(at + bytes) !== 0) bytes++;
  return bytes;
}

const DECODED = createNflogPacket();

/** Whatever was logged, rejected or not: the IP packet in it. */
export const decodeNflog: Decoder = (view, at, captured, _wire, rows, row) =>
  readNflog(view, at, captured, DECODED) ? decodePayload(DECODED, view, at, rows, row) : MALFORMED;

/** The IP packet of a record that was read, as a decoder writes it. */
export function decodePayload(
  packet: NflogPacket,
  view: DataView,
  at: number,
  rows: Int32Array,
  row: number,
): ReturnType<Decoder> {
  const { family, protocol, payloadBytes } = packet;
  const payload = at + packet.payloadAt;
  const wire = Math.max(payloadBytes, IP_BYTES_MAX);
  if (family === FAMILY_NETDEV && packet.hook === HOOK_EGRESS && packet.linkHeaderBytes >= ETHERNET_BYTES) {
    return decodeEthernet(view, payload, payloadBytes, wire + packet.linkHeaderBytes, rows, row);
  }
  if (family === FAMILY_IPV4 || protocol === ETHERTYPE_IPV4) {
    return decodeIpv4Frame(view, payload, payloadBytes, wire, rows, row);
  }
  if (family === FAMILY_IPV6 || protocol === ETHERTYPE_IPV6) {
    return decodeIpv6Frame(view, payload, payloadBytes, wire, rows, row);
  }
  return NOT_IP;
}
