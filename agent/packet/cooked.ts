/**
 * Linux cooked frames (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html and .../LINKTYPE_LINUX_SLL2.html), which is
 * what the device `any` gives. Of a frame with several VLAN tags the kernel takes the outermost, announces the innermost
 * EtherType and leaves the inner tags in front of what it announces, so that two readings are possible:
 *
 *     announced: IPv4    | IPv4 header ...
 *     announced: IPv4    | tag, 8100 | tag, 0800 | IPv4 header ...       four bytes a tag, any number of them
 *
 * The two bytes at the place of the first inner EtherType settle nearly every frame (in an IPv4 header they are the total
 * length, in IPv6 the flow label). Where they look like tags, that reading is taken in which the IP header stands better; a
 * draw goes to the one without. Hot up to `behindTags`. Benchmark case: `decode-cooked`.
 */
import { type Decoder, decodeEtherType, decodeIpv4, decodeIpv6, ipv6Bytes, MALFORMED } from './decode.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, findIp, isVlanTag } from './ip-start.ts';

/** 16 bytes, the EtherType last. */
export const decodeLinuxSll: Decoder = (view, at, captured, wire, rows, row) => {
  if (captured < 16) return MALFORMED;
  return decodeCooked(view.getUint16(at + 14), view, at, 16, captured, wire, rows, row);
};

/** Version 2: 20 bytes, the EtherType first. */
export const decodeLinuxSll2: Decoder = (view, at, captured, wire, rows, row) => {
  if (captured < 20) return MALFORMED;
  return decodeCooked(view.getUint16(at), view, at, 20, captured, wire, rows, row);
};

function decodeCooked(
  announced: number,
  view: DataView,
  at: number,
  payload: number,
  captured: number,
  wire: number,
  rows: Int32Array,
  row: number,
): ReturnType<Decoder> {
  let type = announced;
  let next = payload;
  /* Of version 1, libpcap puts the outermost tag back. */
  while (isVlanTag(type)) {
    if (captured < next + 4) return MALFORMED;
    type = view.getUint16(at + next + 2);
    next += 4;
  }
  if (captured >= next + 4) {
    const inner = view.getUint16(at + next + 2);
    if (inner === type || isVlanTag(inner)) next = behindTags(type, view, at, next, captured, wire);
  }
  if (type === ETHERTYPE_IPV4) return decodeIpv4(view, at, next, captured, wire, rows, row);
  if (type === ETHERTYPE_IPV6) return decodeIpv6(view, at, next, captured, wire, rows, row);
  return decodeEtherType(type, view, at, next, captured, wire, rows, row);
}

/** Where the payload of `type` begins: at `payload`, or behind inner tags that are there. */
function behindTags(type: number, view: DataView, at: number, payload: number, captured: number, wire: number): number {
  let next = payload;
  for (let inner = -1; inner !== type; next += 4) {
    if (captured < next + 4) return payload;
    inner = view.getUint16(at + next + 2);
    if (inner !== type && !isVlanTag(inner)) return payload;
  }
  const plain = standing(findIp(type, view, at, payload, captured), view, at, captured, wire);
  return standing(findIp(type, view, at, next, captured), view, at, captured, wire) > plain ? next : payload;
}

/**
 * How well an IP header stands at `start`, as findIp answers it: 0 for none, 1 when its length fits into the frame, 2 when it
 * ends where the frame does, 3 when it is IPv4 and its checksum is right.
 */
function standing(start: number, view: DataView, at: number, captured: number, wire: number): number {
  const ip = start >> 1;
  const header = at + ip;
  const isIpv6 = (start & 1) === 1;
  if (start < 0 || captured < ip + (isIpv6 ? 40 : 20)) return 0;
  if (view.getUint8(header) >> 4 !== (isIpv6 ? 6 : 4)) return 0;
  if (!isIpv6) return standingOfIpv4(view, header, captured - ip, wire - ip);
  const bytes = ipv6Bytes(view, header, view.getUint8(header + 6), captured - ip, Number.POSITIVE_INFINITY);
  return standingOfLength(bytes === Number.POSITIVE_INFINITY ? wire - ip : bytes, wire - ip);
}

function standingOfIpv4(view: DataView, header: number, held: number, left: number): number {
  const headerBytes = (view.getUint8(header) & 15) << 2;
  const total = view.getUint16(header + 2);
  if (headerBytes < 20 || headerBytes > left || total > left || (total !== 0 && total < headerBytes)) return 0;
  if (headerBytes <= held && isRightChecksum(view, header, headerBytes)) return 3;
  return total === 0 ? 0 : standingOfLength(total, left);
}

function standingOfLength(bytes: number, left: number): number {
  if (bytes > left) return 0;
  return bytes === left ? 2 : 1;
}

/** RFC 1071: with its checksum, a right header adds up to a multiple of 65535. */
function isRightChecksum(view: DataView, header: number, headerBytes: number): boolean {
  let sum = 0;
  for (let next = 0; next < headerBytes; next += 2) sum += view.getUint16(header + next);
  return sum % 0xffff === 0;
}
