/**
 * Builds frames layer by layer and writes them into capture files, for tests: small, correct where a decoder looks (lengths,
 * header checksum, next headers), and overridable where a test wants a field to lie.
 *
 *     ethernet({}, ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.udp }, udp({ sourcePort: 53, ... })))
 */

export const ETHER_TYPE = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd, qinq: 0x88a8 } as const;
export const PROTOCOL = {
  hopByHop: 0,
  icmp: 1,
  tcp: 6,
  udp: 17,
  routing: 43,
  fragment: 44,
  icmpv6: 58,
  destinationOptions: 60,
} as const;
export const LINK_TYPE = {
  null: 0,
  ethernet: 1,
  raw: 101,
  linuxSll: 113,
  ipv4: 228,
  ipv6: 229,
  linuxSll2: 276,
} as const;
export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 } as const;

const NOTHING = new Uint8Array(0);

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

function u16(value: number): Uint8Array {
  return Uint8Array.of((value >>> 8) & 0xff, value & 0xff);
}

function u32(value: number): Uint8Array {
  return Uint8Array.of((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

// Link layer

export interface VlanTag {
  readonly id: number;
  readonly tagProtocol?: number;
}

export interface EthernetFields {
  readonly source?: Uint8Array;
  readonly destination?: Uint8Array;
  /** Told from the payload's version nibble when absent. */
  readonly etherType?: number;
  /** Outermost first. */
  readonly vlans?: readonly VlanTag[];
}

export function ethernet(fields: EthernetFields, payload: Uint8Array): Uint8Array {
  const { source = Uint8Array.of(2, 0, 0, 0, 0, 1), destination = Uint8Array.of(2, 0, 0, 0, 0, 2) } = fields;
  const etherType = fields.etherType ?? (payload[0]! >>> 4 === 6 ? ETHER_TYPE.ipv6 : ETHER_TYPE.ipv4);
  const tags = (fields.vlans ?? []).map((tag) => concat(u16(tag.tagProtocol ?? ETHER_TYPE.vlan), u16(tag.id)));
  return concat(destination, source, ...tags, u16(etherType), payload);
}

/** An ARP request, as something that is not IP. */
export function arp(): Uint8Array {
  const body = concat(u16(1), u16(ETHER_TYPE.ipv4), Uint8Array.of(6, 4), u16(1), new Uint8Array(20));
  return ethernet({ etherType: ETHER_TYPE.arp, destination: new Uint8Array(6).fill(0xff) }, body);
}

/** Linux cooked capture, version 1 (LINKTYPE_LINUX_SLL). */
export function linuxSll(etherType: number, payload: Uint8Array): Uint8Array {
  return concat(u16(0), u16(1), u16(6), new Uint8Array(8), u16(etherType), payload);
}

/** Linux cooked capture, version 2 (LINKTYPE_LINUX_SLL2). */
export function linuxSll2(etherType: number, payload: Uint8Array): Uint8Array {
  return concat(u16(etherType), u16(0), u32(1), u16(1), Uint8Array.of(0, 6), new Uint8Array(8), payload);
}

// Network layer

/** The four bytes of a dotted address. */
export function ipv4Address(text: string): Uint8Array {
  const bytes = text.split('.').map(Number);
  if (bytes.length !== 4 || bytes.some((byte) => !(byte >= 0 && byte <= 255)))
    throw new Error(`not an IPv4 address: ${text}`);
  return Uint8Array.from(bytes);
}

/** The sixteen bytes of an address such as `fd00::1`. */
export function ipv6Address(text: string): Uint8Array {
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [head = '', tail] = text.split('::');
  const first = groups(head);
  const last = tail === undefined ? [] : groups(tail);
  const missing = 8 - first.length - last.length;
  if (tail === undefined ? missing !== 0 : missing < 1) throw new Error(`not an IPv6 address: ${text}`);
  return concat(...[...first, ...new Array<number>(missing).fill(0), ...last].map(u16));
}

export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export interface Ipv4Fields {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly identification?: number;
  readonly timeToLive?: number;
  readonly moreFragments?: boolean;
  /** In bytes, a multiple of 8. */
  readonly fragmentOffset?: number;
  /** A multiple of 4 bytes. */
  readonly options?: Uint8Array;
  /** The real length when absent. */
  readonly totalLength?: number;
}

export function ipv4(fields: Ipv4Fields, payload: Uint8Array = NOTHING): Uint8Array {
  const options = fields.options ?? NOTHING;
  const headerBytes = 20 + options.length;
  const fragment = ((fields.moreFragments ?? false) ? 0x2000 : 0) | ((fields.fragmentOffset ?? 0) >>> 3);
  const header = concat(
    Uint8Array.of(0x40 | (headerBytes >>> 2), 0),
    u16(fields.totalLength ?? headerBytes + payload.length),
    u16(fields.identification ?? 0),
    u16(fragment),
    Uint8Array.of(fields.timeToLive ?? 64, fields.protocol),
    u16(0),
    ipv4Address(fields.source),
    ipv4Address(fields.destination),
    options,
  );
  header.set(u16(internetChecksum(header)), 10);
  return concat(header, payload);
}

export interface Ipv6Fields {
  readonly source: string;
  readonly destination: string;
  readonly nextHeader: number;
  readonly hopLimit?: number;
  /** The real length when absent. */
  readonly payloadLength?: number;
}

export function ipv6(fields: Ipv6Fields, payload: Uint8Array = NOTHING): Uint8Array {
  return concat(
    u32(0x60000000),
    u16(fields.payloadLength ?? payload.length),
    Uint8Array.of(fields.nextHeader, fields.hopLimit ?? 64),
    ipv6Address(fields.source),
    ipv6Address(fields.destination),
    payload,
  );
}

/** A hop-by-hop, routing or destination options header of `bytes` (a multiple of 8), filled with padding. */
export function extensionHeader(nextHeader: number, bytes: number, payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(bytes);
  header.set([nextHeader, bytes / 8 - 1, 1, bytes - 4]);
  return concat(header, payload);
}

/** The IPv6 fragment header (RFC 8200, section 4.5); the offset is in bytes, a multiple of 8. */
export function fragmentHeader(nextHeader: number, offset: number, more: boolean, payload: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(nextHeader, 0), u16(offset | (more ? 1 : 0)), u32(1), payload);
}

// Transport layer. Checksums stay zero: a passive observer does not look at them.

export interface PortFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export function udp(fields: PortFields, payload: Uint8Array = NOTHING): Uint8Array {
  return concat(u16(fields.sourcePort), u16(fields.destinationPort), u16(8 + payload.length), u16(0), payload);
}

export interface TcpFields extends PortFields {
  /** A union of TCP_FLAG values; ACK when absent. */
  readonly flags?: number;
  readonly sequence?: number;
  readonly acknowledgement?: number;
}

export function tcp(fields: TcpFields, payload: Uint8Array = NOTHING): Uint8Array {
  return concat(
    u16(fields.sourcePort),
    u16(fields.destinationPort),
    u32(fields.sequence ?? 0),
    u32(fields.acknowledgement ?? 0),
    Uint8Array.of(0x50, fields.flags ?? TCP_FLAG.ack),
    u16(0xffff),
    u32(0),
    payload,
  );
}

/** Eight bytes of an ICMP or ICMPv6 message, and what it carries. */
export function icmp(type: number, code: number, payload: Uint8Array = NOTHING): Uint8Array {
  return concat(Uint8Array.of(type, code), new Uint8Array(6), payload);
}

/** An echo request, for either version: type 8 is ICMP's, 128 ICMPv6's. */
export function icmpEcho(type: 8 | 128, sequence = 1, payload: Uint8Array = NOTHING): Uint8Array {
  return concat(Uint8Array.of(type, 0), u16(0), u16(0x1234), u16(sequence), payload);
}
