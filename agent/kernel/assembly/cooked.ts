/** Linux cooked frames: packet/cooked.ts, and its comments on inner VLAN tags, with addresses instead of views. */
import { byteAt, shortAt } from './big-endian';
import { decodeEtherType, decodeIpv4, decodeIpv6, jumboPayloadBytes, MALFORMED } from './decode';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, findIp, isVlanTag } from './ip-start';

const HOP_BY_HOP: u32 = 0;
const NO_NEXT_HEADER: u32 = 59;

export function decodeLinuxSll(at: usize, captured: u32, wire: u32, row: usize): i32 {
  if (captured < 16) return MALFORMED;
  return decodeCooked(shortAt(at + 14), at, 16, captured, wire, row);
}

export function decodeLinuxSll2(at: usize, captured: u32, wire: u32, row: usize): i32 {
  if (captured < 20) return MALFORMED;
  return decodeCooked(shortAt(at), at, 20, captured, wire, row);
}

function decodeCooked(announced: u32, at: usize, payload: u32, captured: u32, wire: u32, row: usize): i32 {
  let type = announced;
  let next = payload;
  while (isVlanTag(type)) {
    if (captured < next + 4) return MALFORMED;
    type = shortAt(at + next + 2);
    next += 4;
  }
  if (captured >= next + 4) {
    const inner = shortAt(at + next + 2);
    if (inner === type || isVlanTag(inner)) next = behindTags(type, at, next, captured, wire);
  }
  if (type === ETHERTYPE_IPV4) return decodeIpv4(at, next, captured, wire, row);
  if (type === ETHERTYPE_IPV6) return decodeIpv6(at, next, captured, wire, row);
  return decodeEtherType(type, at, next, captured, wire, row);
}

/** Where the payload of `type` begins: at `payload`, or behind inner tags that are there. */
function behindTags(type: u32, at: usize, payload: u32, captured: u32, wire: u32): u32 {
  let next = payload;
  for (let inner: u32 = ~0; inner !== type; next += 4) {
    if (captured < next + 4) return payload;
    inner = shortAt(at + next + 2);
    if (inner !== type && !isVlanTag(inner)) return payload;
  }
  const plain = standing(findIp(type, at, payload, captured), at, captured, wire);
  return standing(findIp(type, at, next, captured), at, captured, wire) > plain ? next : payload;
}

/** How well an IP header stands at `start`: 0 to 3. */
function standing(start: i32, at: usize, captured: u32, wire: u32): i32 {
  const ip: u32 = start >> 1;
  const header = at + ip;
  const isIpv6 = (start & 1) === 1;
  if (start < 0 || captured < ip + (isIpv6 ? 40 : 20)) return 0;
  if (byteAt(header) >> 4 !== <u32>(isIpv6 ? 6 : 4)) return 0;
  return isIpv6 ? standingOfIpv6(header, captured - ip, wire - ip) : standingOfIpv4(header, captured - ip, wire - ip);
}

function standingOfIpv6(header: usize, held: u32, left: u32): i32 {
  const payload = shortAt(header + 4);
  const nextHeader = byteAt(header + 6);
  if (payload !== 0 || nextHeader === NO_NEXT_HEADER) return standingOfLength(<i64>payload + 40, left);
  const jumbo = nextHeader === HOP_BY_HOP ? jumboPayloadBytes(header + 40, held - 40) : -1;
  return standingOfLength(jumbo < 0 ? <i64>left : jumbo + 40, left);
}

function standingOfIpv4(header: usize, held: u32, left: u32): i32 {
  const headerBytes = (byteAt(header) & 15) << 2;
  const total = shortAt(header + 2);
  if (headerBytes < 20 || headerBytes > left || total > left || (total !== 0 && total < headerBytes)) return 0;
  if (headerBytes <= held && isRightChecksum(header, headerBytes)) return 3;
  return total === 0 ? 0 : standingOfLength(total, left);
}

function standingOfLength(bytes: i64, left: u32): i32 {
  if (bytes > <i64>left) return 0;
  return bytes === <i64>left ? 2 : 1;
}

/** RFC 1071: with its checksum, a right header adds up to a multiple of 65535. */
function isRightChecksum(header: usize, headerBytes: u32): bool {
  let sum: u32 = 0;
  for (let next: u32 = 0; next < headerBytes; next += 2) sum += shortAt(header + next);
  return sum % 0xffff === 0;
}
