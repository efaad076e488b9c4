/**
 * The link layers of one frame, told one after the other, down to its outermost IP header. Cold, plain and on its own: it
 * shares no line with packet/decode.ts, so that the two can be held against each other.
 */
import { tellInnerTags } from './inner-tags.ts';
import { tellIpv4 } from './ipv4.ts';
import { tellIpv6 } from './ipv6.ts';
import { tellNflog } from './nflog.ts';
import { type Ending, hex, type Story, Telling } from './story.ts';

/** EtherTypes by name: what carries IP, what carries more link layer, and what people meet that is neither. */
const ETHERTYPES: ReadonlyMap<number, string> = new Map([
  [0x0800, 'IPv4'],
  [0x0806, 'ARP'],
  [0x0842, 'Wake-on-LAN'],
  [0x22f3, 'TRILL'],
  [0x8035, 'RARP'],
  [0x809b, 'AppleTalk'],
  [0x8100, 'VLAN tag'],
  [0x8137, 'IPX'],
  [0x86dd, 'IPv6'],
  [0x8808, 'flow control'],
  [0x8809, 'LACP'],
  [0x8847, 'MPLS'],
  [0x8848, 'MPLS, upstream label'],
  [0x8863, 'PPPoE discovery'],
  [0x8864, 'PPPoE session'],
  [0x888e, 'EAPOL'],
  [0x88a8, 'service VLAN tag'],
  [0x88cc, 'LLDP'],
  [0x88e5, 'MACsec'],
  [0x88f7, 'PTP'],
  [0x9100, 'VLAN tag of old'],
]);
/** The longest packet of which an IP header can tell. */
const LOGGED_BYTES_MAX = 40 + 65_535;
const VLAN_TAGS: readonly number[] = [0x8100, 0x88a8, 0x9100];
const PPP_PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [0x0021, 'IPv4'],
  [0x0057, 'IPv6'],
  [0x8021, 'IP control'],
  [0x8057, 'IPv6 control'],
  [0xc021, 'link control'],
]);
/** Below this an EtherType field is an IEEE 802.3 length. */
const ETHERTYPE_MIN = 0x0600;
/** Address families of BSD loopback: AF_INET everywhere, AF_INET6 as Linux, Windows, NetBSD, FreeBSD and macOS number it. */
const AF_INET = 2;
const AF_INET6: readonly number[] = [10, 23, 24, 28, 30];

/**
 * The story of a frame.
 *
 * @param frame the captured bytes, and no more
 * @param wire the frame's length on the wire
 * @returns undefined for a link type that flowlogd does not know
 */
export function narrate(linkType: number, frame: Uint8Array, wire: number): Story | undefined {
  const telling = new Telling(frame, wire);
  const ending = tellLinkType(linkType, telling);
  return ending && { steps: telling.steps, ending };
}

function tellLinkType(linkType: number, telling: Telling): Ending | undefined {
  switch (linkType) {
    case 0:
    case 108:
      return tellLoopback(telling);
    case 1:
      return tellEthernet(telling);
    case 12:
    case 14:
    case 101:
      return tellRaw(telling);
    case 113:
      return tellCooked(telling, 'Linux cooked', 16, 14);
    case 228:
      return tellIpv4(telling, 0);
    case 229:
      return tellIpv6(telling, 0);
    case 239:
      return tellLogged(telling);
    case 276:
      return tellCooked(telling, 'Linux cooked 2', 20, 0);
    default:
      return undefined;
  }
}

function tellEthernet(telling: Telling, at = 0): Ending {
  if (!telling.holds(at, 14)) return telling.cut(at, 'an Ethernet header', 14);
  const type = telling.u16(at + 12);
  telling.say('Ethernet', at, `${macAddress(telling, at + 6)} > ${macAddress(telling, at)}, ${typeText(type)}`);
  return tellEtherType(telling, type, at + 14);
}

/** A record of the packet filter's log. Of how long the packet was only the packet's own header tells. */
function tellLogged(telling: Telling): Ending {
  if (!telling.holds(0, 4)) return telling.cut(0, 'an NFLOG header', 4);
  if (telling.u8(1) !== 0) return telling.malformed(1, `NFLOG version ${telling.u8(1)} is unknown, 0 is the only one`);
  const logged = tellNflog(telling);
  if (logged === undefined)
    return telling.malformed(4, 'an NFLOG attribute says that it is shorter than its own header');
  const { at, held, protocol, linkHeaderBytes } = logged;
  const within = (bytes: number) => telling.upTo(at + held, at + Math.max(held, bytes));
  if (protocol === 'ethernet') return tellEthernet(within(LOGGED_BYTES_MAX + linkHeaderBytes), at);
  const said = held < 6 || protocol === undefined ? 0 : telling.u16(protocol === 4 ? at + 2 : at + 4);
  if (protocol === 4) return tellIpv4(within(said || LOGGED_BYTES_MAX), at);
  if (protocol === 6) return tellIpv6(within(said === 0 ? LOGGED_BYTES_MAX : 40 + said), at);
  return telling.notIp(0, 'what was logged is no IP packet');
}

/** Both versions of LINKTYPE_LINUX_SLL: a header of fixed length with an EtherType in it. */
function tellCooked(telling: Telling, layer: string, bytes: number, typeAt: number): Ending {
  if (!telling.holds(0, bytes)) return telling.cut(0, `a ${layer} header`, bytes);
  const type = telling.u16(typeAt);
  telling.say(layer, 0, `${bytes} bytes instead of the link layer, ${typeText(type)}`);
  return tellCookedPayload(telling, type, bytes);
}

/** Tags that are announced, then those that are not. */
function tellCookedPayload(telling: Telling, first: number, at: number): Ending {
  let type = first;
  let next = at;
  for (; VLAN_TAGS.includes(type); next += 4) {
    if (!telling.holds(next, 4)) return telling.cut(next, 'a VLAN tag', 4);
    type = tellVlan(telling, next);
  }
  return tellEtherType(telling, type, tellInnerTags(telling, type, next, tellEtherType));
}

/** The EtherType of what follows the tag. */
function tellVlan(telling: Telling, at: number): number {
  const control = telling.u16(at);
  const type = telling.u16(at + 2);
  telling.say('VLAN', at, `id ${control & 0xfff}, priority ${control >> 13}, ${typeText(type)}`);
  return type;
}

function tellLoopback(telling: Telling): Ending {
  if (!telling.holds(0, 4)) return telling.cut(0, 'a loopback header', 4);
  const big = telling.u32(0);
  const family = big > 0xffff ? telling.u32(0, true) : big;
  const order = big > 0xffff ? 'little-endian' : 'big-endian';
  telling.say('loopback', 0, `address family ${family}, ${order}`);
  if (family === AF_INET) return tellIpv4(telling, 4);
  if (AF_INET6.includes(family)) return tellIpv6(telling, 4);
  return telling.notIp(0, `address family ${family} is not an IP one (2 is IPv4; 10, 23, 24, 28, 30 are IPv6)`);
}

function tellRaw(telling: Telling): Ending {
  if (!telling.holds(0, 1)) return telling.cut(0, 'an IP header', 20);
  const version = telling.u8(0) >> 4;
  telling.say('raw IP', 0, `no link layer, the first four bits say version ${version}`);
  if (version === 4) return tellIpv4(telling, 0);
  if (version === 6) return tellIpv6(telling, 0);
  return telling.malformed(0, `a raw IP packet has version 4 or 6, this one has ${version}`);
}

function tellEtherType(telling: Telling, first: number, at: number): Ending {
  let type = first;
  let next = at;
  for (;;) {
    if (type < ETHERTYPE_MIN) {
      const found = tellSnap(telling, next);
      if (typeof found !== 'number') return found;
      type = found;
      next += 8;
    }
    if (!VLAN_TAGS.includes(type)) break;
    if (!telling.holds(next, 4)) return telling.cut(next, 'a VLAN tag', 4);
    type = tellVlan(telling, next);
    next += 4;
  }
  if (type === 0x0800) return tellIpv4(telling, next);
  if (type === 0x86dd) return tellIpv6(telling, next);
  if (type === 0x8847 || type === 0x8848) return tellMpls(telling, next);
  if (type === 0x8864) return tellPppoe(telling, next);
  return telling.notIp(next - 2, `${typeText(type)}, carries no IP packet`);
}

/** The EtherType that LLC and SNAP lead to (RFC 1042), or why there is none. */
function tellSnap(telling: Telling, at: number): number | Ending {
  const header = [0xaa, 0xaa, 0x03, 0, 0, 0];
  const held = header.slice(0, Math.max(0, telling.captured - at));
  const odd = held.findIndex((byte, index) => telling.u8(at + index) !== byte);
  if (odd >= 0) {
    const what = odd < 3 ? 'LLC header is not that of SNAP (AA AA 03)' : 'SNAP organisation is not 00 00 00';
    return telling.notIp(at + odd, `the ${what}, so what follows is no EtherType`);
  }
  if (!telling.holds(at, 8)) return telling.cut(at, 'an LLC/SNAP header', 8);
  const type = telling.u16(at + 6);
  telling.say('LLC/SNAP', at, typeText(type));
  if (type < ETHERTYPE_MIN) return telling.notIp(at + 6, `${hex(type)} in a SNAP header is no EtherType`);
  return type;
}

/** RFC 3032: what follows the stack is told by its first four bits alone. */
function tellMpls(telling: Telling, at: number): Ending {
  let next = at;
  for (let isBottom = false; !isBottom; next += 4) {
    if (!telling.holds(next, 4)) return telling.cut(next, 'an MPLS label', 4);
    const word = telling.u32(next);
    isBottom = (word & 0x100) !== 0;
    telling.say('MPLS', next, `label ${word >>> 12}, ${isBottom ? 'the bottom of the stack' : 'more labels follow'}`);
  }
  if (!telling.holds(next, 1)) return telling.malformed(next, 'nothing was captured behind the last MPLS label');
  const version = telling.u8(next) >> 4;
  if (version === 4) return tellIpv4(telling, next);
  if (version === 6) return tellIpv6(telling, next);
  return telling.notIp(next, `behind the last MPLS label stands ${version} where an IP packet has its version, 4 or 6`);
}

/** RFC 2516 section 4, RFC 1661 section 6.5. */
function tellPppoe(telling: Telling, at: number): Ending {
  const isCompressed = telling.holds(at, 7) && (telling.u8(at + 6) & 1) === 1;
  const header = isCompressed ? 7 : 8;
  if (!telling.holds(at, header)) return telling.cut(at, 'a PPPoE header with its PPP protocol', header);
  const protocol = isCompressed ? telling.u8(at + 6) : telling.u16(at + 6);
  const name = PPP_PROTOCOLS.get(protocol);
  const digits = isCompressed ? `${hex(protocol, 2)}, compressed to one byte` : hex(protocol);
  const text = `PPP protocol ${digits}${name === undefined ? '' : ` (${name})`}`;
  telling.say('PPPoE', at, `session ${telling.u16(at + 2)}, ${text}`);
  if (protocol === 0x0021) return tellIpv4(telling, at + header);
  if (protocol === 0x0057) return tellIpv6(telling, at + header);
  return telling.notIp(at + 6, `${text} carries no IP packet`);
}

function typeText(type: number): string {
  if (type < ETHERTYPE_MIN) return `${hex(type)} is below 0x0600 and so no EtherType: LLC follows`;
  return `EtherType ${hex(type)} (${ETHERTYPES.get(type) ?? 'unknown here'})`;
}

function macAddress(telling: Telling, at: number): string {
  return [0, 1, 2, 3, 4, 5].map((byte) => hex(telling.u8(at + byte), 2).slice(2)).join(':');
}
