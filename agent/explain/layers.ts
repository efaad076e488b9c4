/** Every layer that a trace may meet: the name of its steps, where it is specified, its fixed header, and how it is read. */
import type { Follow, FrameReader, LayerName, Outcome } from './frame-reader.ts';
import { readAuthentication, readExtension, readFragment, readIpv4, readIpv6 } from './ip-readers.ts';
import {
  readCooked,
  readCooked2,
  readEthernet,
  readLoopback,
  readMpls,
  readPppoe,
  readRaw,
  readSnap,
  readVlan,
} from './link-readers.ts';
import { readNflog } from './nflog.ts';
import { readIcmp, readOtherTransport, readTcp, readUdp } from './transport.ts';

export interface Layer {
  readonly name: string;
  readonly source: string;
  /** What must have been captured before it is read; without one the reader finds out by itself. */
  readonly header?: { readonly title: string; readonly bytes: number };
  readonly read: (frame: FrameReader, at: number, follow: Follow) => Outcome;
}

export const LAYERS: Readonly<Record<LayerName, Layer>> = {
  ethernet: row('Ethernet', 'IEEE 802.3 clause 3', readEthernet, 'Ethernet header', 14),
  cooked: row('Linux cooked', 'LINKTYPE_LINUX_SLL', readCooked, 'Linux cooked header', 16),
  cooked2: row('Linux cooked 2', 'LINKTYPE_LINUX_SLL2', readCooked2, 'Linux cooked 2 header', 20),
  loopback: row('loopback', 'LINKTYPE_NULL, LINKTYPE_LOOP', readLoopback, 'loopback header', 4),
  raw: row('raw IP', 'LINKTYPE_RAW', readRaw),
  nflog: row('NFLOG', 'LINKTYPE_NFLOG, linux/netfilter/nfnetlink_log.h', readNflog, 'NFLOG header', 4),
  vlan: row('VLAN', 'IEEE 802.1Q clause 9', readVlan, 'VLAN tag', 4),
  snap: row('LLC/SNAP', 'RFC 1042', readSnap),
  mpls: row('MPLS', 'RFC 3032', readMpls, 'MPLS label', 4),
  pppoe: row('PPPoE', 'RFC 2516 section 4, RFC 1661 section 6.5', readPppoe),
  ipv4: row('IPv4', 'RFC 791 section 3.1', readIpv4, 'IPv4 header', 20),
  ipv6: row('IPv6', 'RFC 8200 section 3', readIpv6, 'IPv6 header', 40),
  'hop-by-hop': row('Hop-by-Hop Options', 'RFC 8200 section 4.3', readExtension),
  routing: row('Routing', 'RFC 8200 section 4.4', readExtension),
  fragment: row('Fragment', 'RFC 8200 section 4.5', readFragment),
  'destination-options': row('Destination Options', 'RFC 8200 section 4.6', readExtension),
  authentication: row('Authentication', 'RFC 4302 section 2', readAuthentication),
  tcp: row('TCP', 'RFC 9293 section 3.1', readTcp),
  udp: row('UDP', 'RFC 768', readUdp),
  icmp: row('ICMP', 'RFC 792', readIcmp),
  icmpv6: row('ICMPv6', 'RFC 4443 section 2.1', readIcmp),
  transport: row('transport', 'IANA protocol numbers', readOtherTransport),
};

/** Where a frame of each link type begins (tcpdump.org/linktypes.html). */
export const LINK_TYPES: ReadonlyMap<number, LayerName> = new Map([
  [0, 'loopback'],
  [1, 'ethernet'],
  [12, 'raw'],
  [14, 'raw'],
  [101, 'raw'],
  [108, 'loopback'],
  [113, 'cooked'],
  [228, 'ipv4'],
  [229, 'ipv6'],
  [239, 'nflog'],
  [276, 'cooked2'],
]);

function row(name: string, source: string, read: Layer['read'], title = '', bytes = 0): Layer {
  return { name, source, read, ...(title === '' ? {} : { header: { title, bytes } }) };
}
