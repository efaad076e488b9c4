/** Link layers and what stands between them and the IP header. */
import { type Follow, type FrameReader, hex, type LayerName, type Outcome } from './frame-reader.ts';
import { behindInnerTags } from './inner-tags.ts';

/** EtherTypes by name: what carries IP, what carries more link layer, and what people meet that is neither. */
const ETHERTYPES: ReadonlyMap<number, readonly [name: string, layer?: LayerName]> = new Map([
  [0x0800, ['IPv4', 'ipv4']],
  [0x0806, ['ARP']],
  [0x0842, ['Wake-on-LAN']],
  [0x22f3, ['TRILL']],
  [0x8035, ['RARP']],
  [0x809b, ['AppleTalk']],
  [0x8100, ['VLAN tag', 'vlan']],
  [0x8137, ['IPX']],
  [0x86dd, ['IPv6', 'ipv6']],
  [0x8808, ['flow control']],
  [0x8809, ['LACP']],
  [0x8847, ['MPLS', 'mpls']],
  [0x8848, ['MPLS, upstream label', 'mpls']],
  [0x8863, ['PPPoE discovery']],
  [0x8864, ['PPPoE session', 'pppoe']],
  [0x888e, ['EAPOL']],
  [0x88a8, ['service VLAN tag', 'vlan']],
  [0x88cc, ['LLDP']],
  [0x88e5, ['MACsec']],
  [0x88f7, ['PTP']],
  [0x9100, ['legacy VLAN tag', 'vlan']],
]);
const PPP_PROTOCOLS: ReadonlyMap<number, readonly [name: string, layer?: LayerName]> = new Map([
  [0x0021, ['IPv4', 'ipv4']],
  [0x0057, ['IPv6', 'ipv6']],
  [0x8021, ['IP control']],
  [0x8057, ['IPv6 control']],
  [0xc021, ['link control']],
]);
/** Below this an EtherType field is an IEEE 802.3 length. */
const ETHERTYPE_MIN = 0x0600;
/** Address families of BSD loopback: AF_INET everywhere, AF_INET6 as Linux, Windows, NetBSD, FreeBSD and macOS number it. */
const AF_INET = 2;
const AF_INET6: readonly number[] = [10, 23, 24, 28, 30];

export function readEthernet(frame: FrameReader, at: number): Outcome {
  const type = frame.u16(at + 12);
  frame.say(at, `${macAddress(frame, at + 6)} > ${macAddress(frame, at)}, ${typeText(type)}`);
  return announced(frame, type, at + 14);
}

/** LINKTYPE_LINUX_SLL: the EtherType stands at the end of the header. */
export function readCooked(frame: FrameReader, at: number, follow: Follow): Outcome {
  return cooked(frame, frame.u16(at + 14), at + 16, follow);
}

/** LINKTYPE_LINUX_SLL2: the EtherType stands at its beginning. */
export function readCooked2(frame: FrameReader, at: number, follow: Follow): Outcome {
  return cooked(frame, frame.u16(at), at + 20, follow);
}

/** Tags that are announced, then those that are not. */
function cooked(frame: FrameReader, first: number, start: number, follow: Follow): Outcome {
  frame.say(0, `${start}-byte header, ${typeText(first)}`);
  let type = first;
  let at = start;
  for (; layerOf(type) === 'vlan'; at += 4) {
    if (!frame.holds(at, 4)) return frame.cut(at, 'VLAN tag', 4);
    type = vlanTag(frame, at);
  }
  const reread = (trial: FrameReader, from: number) => follow(trial, announced(trial, type, from));
  return announced(frame, type, behindInnerTags(frame, type, at, reread));
}

export function readVlan(frame: FrameReader, at: number): Outcome {
  return announced(frame, vlanTag(frame, at), at + 4);
}

/** The EtherType of what follows the tag. */
function vlanTag(frame: FrameReader, at: number): number {
  const control = frame.u16(at);
  const type = frame.u16(at + 2);
  frame.say(at, `id ${control & 0xfff}, priority ${control >> 13}, ${typeText(type)}`, 'VLAN');
  return type;
}

export function readLoopback(frame: FrameReader, at: number): Outcome {
  const big = frame.u32(at);
  const family = big > 0xffff ? frame.u32(at, true) : big;
  const order = big > 0xffff ? 'little-endian' : 'big-endian';
  frame.say(at, `address family ${family}, ${order}`);
  if (family === AF_INET) return { layer: 'ipv4', at: at + 4 };
  if (AF_INET6.includes(family)) return { layer: 'ipv6', at: at + 4 };
  return frame.notIp(at, `address family ${family} is not IP (2 is IPv4; 10, 23, 24, 28, 30 are IPv6)`);
}

export function readRaw(frame: FrameReader, at: number): Outcome {
  if (!frame.holds(at, 1)) return frame.cut(at, 'IP header', 20);
  const version = frame.u8(at) >> 4;
  frame.say(at, `no link layer, IP version ${version}`);
  const reason = `IP version ${version}, expected 4 or 6`;
  return ofVersion(version, at) ?? frame.malformed(at, reason);
}

/** The EtherType that LLC and SNAP lead to, or why there is none. */
export function readSnap(frame: FrameReader, at: number): Outcome {
  const header = [0xaa, 0xaa, 0x03, 0, 0, 0];
  const held = header.slice(0, Math.max(0, frame.captured - at));
  const odd = held.findIndex((byte, index) => frame.u8(at + index) !== byte);
  if (odd >= 0) {
    const what = odd < 3 ? 'LLC header other than SNAP (AA AA 03)' : 'SNAP organisation other than 00 00 00';
    return frame.notIp(at + odd, `${what}: no EtherType follows`);
  }
  if (!frame.holds(at, 8)) return frame.cut(at, 'LLC/SNAP header', 8);
  const type = frame.u16(at + 6);
  frame.say(at, typeText(type));
  if (type < ETHERTYPE_MIN) return frame.notIp(at + 6, `${hex(type)} in the SNAP header is not an EtherType`);
  return announced(frame, type, at + 8);
}

/** What follows the stack is known by its first four bits alone. */
export function readMpls(frame: FrameReader, at: number): Outcome {
  const word = frame.u32(at);
  const next = at + 4;
  const isBottom = (word & 0x100) !== 0;
  frame.say(at, `label ${word >>> 12}, ${isBottom ? 'bottom of the stack' : 'more labels follow'}`);
  if (!isBottom) return { layer: 'mpls', at: next };
  if (!frame.holds(next, 1)) return frame.malformed(next, 'nothing captured after the last MPLS label');
  const version = frame.u8(next) >> 4;
  const reason = `IP version ${version} after the last MPLS label, expected 4 or 6`;
  return ofVersion(version, next) ?? frame.notIp(next, reason);
}

export function readPppoe(frame: FrameReader, at: number): Outcome {
  const isCompressed = frame.holds(at, 7) && (frame.u8(at + 6) & 1) === 1;
  const header = isCompressed ? 7 : 8;
  if (!frame.holds(at, header)) return frame.cut(at, 'PPPoE header with PPP protocol', header);
  const protocol = isCompressed ? frame.u8(at + 6) : frame.u16(at + 6);
  const [name, layer] = PPP_PROTOCOLS.get(protocol) ?? [];
  const digits = isCompressed ? `${hex(protocol, 2)}, compressed to one byte` : hex(protocol);
  const text = `PPP protocol ${digits}${name === undefined ? '' : ` (${name})`}`;
  frame.say(at, `session ${frame.u16(at + 2)}, ${text}`);
  return layer === undefined ? frame.notIp(at + 6, `${text} carries no IP`) : { layer, at: at + header };
}

/** What an EtherType that ends at `at` announces. */
function announced(frame: FrameReader, type: number, at: number): Outcome {
  const layer = layerOf(type);
  return layer === undefined ? frame.notIp(at - 2, `${typeText(type)} carries no IP`) : { layer, at };
}

function layerOf(type: number): LayerName | undefined {
  return type < ETHERTYPE_MIN ? 'snap' : ETHERTYPES.get(type)?.[1];
}

function ofVersion(version: number, at: number): Outcome | undefined {
  if (version === 4) return { layer: 'ipv4', at };
  return version === 6 ? { layer: 'ipv6', at } : undefined;
}

function typeText(type: number): string {
  if (type < ETHERTYPE_MIN) return `length ${hex(type)} (below 0x0600): LLC follows`;
  return `EtherType ${hex(type)} (${ETHERTYPES.get(type)?.[0] ?? 'unknown'})`;
}

function macAddress(frame: FrameReader, at: number): string {
  return [0, 1, 2, 3, 4, 5].map((byte) => hex(frame.u8(at + byte), 2).slice(2)).join(':');
}
