import { describe, expect, test } from 'vitest';
import {
  concat,
  ethernet,
  ipv4,
  ipv6,
  LINK_TYPE,
  linuxSll,
  linuxSll2,
  PROTOCOL,
} from '../../support/packet-builder.ts';
import { traced } from '../../support/traced-frame.ts';

const V4 = ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 253 });
const V6 = ipv6({ source: 'fd00::1', destination: 'fd00::2', nextHeader: 253 });
const bytes = (...each: readonly number[]): Uint8Array => Uint8Array.from(each);
const MACS = '02:00:00:00:00:01 > 02:00:00:00:00:02';

/** The lines down to the IP header, which is not of the link layer. */
function linkLines(linkType: number, frame: Uint8Array): readonly string[] {
  const { lines, ending } = traced(linkType, frame);
  expect(ending.kind).toBe('key');
  return lines.slice(
    0,
    lines.findIndex((line) => /^@\d+ IPv[46]:/.test(line)),
  );
}

describe('a frame that leads to IP', () => {
  test.each<[string, number, Uint8Array, readonly string[]]>([
    ['Ethernet', LINK_TYPE.ethernet, ethernet({}, V4), [`@0 Ethernet: ${MACS}, EtherType 0x0800 (IPv4)`]],
    ['Ethernet to IPv6', LINK_TYPE.ethernet, ethernet({}, V6), [`@0 Ethernet: ${MACS}, EtherType 0x86dd (IPv6)`]],
    [
      'VLAN tags with a priority',
      LINK_TYPE.ethernet,
      ethernet({ vlans: [{ id: 0xa00a, tagProtocol: 0x9100 }, { id: 0xfff }] }, V4),
      [
        `@0 Ethernet: ${MACS}, EtherType 0x9100 (legacy VLAN tag)`,
        '@14 VLAN: id 10, priority 5, EtherType 0x8100 (VLAN tag)',
        '@18 VLAN: id 4095, priority 0, EtherType 0x0800 (IPv4)',
      ],
    ],
    [
      'LLC and SNAP',
      LINK_TYPE.ethernet,
      ethernet({ etherType: 0x0020 }, concat(bytes(0xaa, 0xaa, 3, 0, 0, 0, 8, 0), V4)),
      [`@0 Ethernet: ${MACS}, length 0x0020 (below 0x0600): LLC follows`, '@14 LLC/SNAP: EtherType 0x0800 (IPv4)'],
    ],
    [
      'a stack of MPLS labels',
      LINK_TYPE.ethernet,
      ethernet({ etherType: 0x8847 }, concat(bytes(0, 1, 0, 64, 0xff, 0xff, 0xf1, 64), V6)),
      [
        `@0 Ethernet: ${MACS}, EtherType 0x8847 (MPLS)`,
        '@14 MPLS: label 16, more labels follow',
        '@18 MPLS: label 1048575, bottom of the stack',
      ],
    ],
    [
      'PPPoE',
      LINK_TYPE.ethernet,
      ethernet({ etherType: 0x8864 }, concat(bytes(0x11, 0, 0x12, 0x34, 0, 22, 0, 0x57), V6)),
      [`@0 Ethernet: ${MACS}, EtherType 0x8864 (PPPoE session)`, '@14 PPPoE: session 4660, PPP protocol 0x0057 (IPv6)'],
    ],
    [
      'Linux cooked',
      LINK_TYPE.linuxSll,
      linuxSll(0x0800, V4),
      ['@0 Linux cooked: 16-byte header, EtherType 0x0800 (IPv4)'],
    ],
    [
      'Linux cooked 2 with a tag',
      LINK_TYPE.linuxSll2,
      linuxSll2(0x8100, concat(bytes(0, 7, 8, 0), V4)),
      [
        '@0 Linux cooked 2: 20-byte header, EtherType 0x8100 (VLAN tag)',
        '@20 VLAN: id 7, priority 0, EtherType 0x0800 (IPv4)',
      ],
    ],
    [
      'BSD loopback of a big-endian machine',
      LINK_TYPE.null,
      concat(bytes(0, 0, 0, 2), V4),
      ['@0 loopback: address family 2, big-endian'],
    ],
    [
      'BSD loopback of macOS',
      LINK_TYPE.null,
      concat(bytes(30, 0, 0, 0), V6),
      ['@0 loopback: address family 30, little-endian'],
    ],
    ['raw IP', LINK_TYPE.raw, V6, ['@0 raw IP: no link layer, IP version 6']],
    ['IPv4 alone', LINK_TYPE.ipv4, V4, []],
    ['IPv6 alone', LINK_TYPE.ipv6, V6, []],
  ])('through %s', (_what, linkType, frame, lines) => expect(linkLines(linkType, frame)).toEqual(lines));
});

/** As people know them, from the registries of IEEE 802 numbers and of PPP. */
describe('a number that announces something else than IP has its name', () => {
  const OTHER = [
    0x0806, 0x0842, 0x22f3, 0x8035, 0x809b, 0x8137, 0x8808, 0x8809, 0x8863, 0x888e, 0x88cc, 0x88e5, 0x88f7,
  ];
  const NAMES = ['ARP', 'Wake-on-LAN', 'TRILL', 'RARP', 'AppleTalk', 'IPX', 'flow control', 'LACP', 'PPPoE discovery'];
  test.each(OTHER.map((type, index) => [type, [...NAMES, 'EAPOL', 'LLDP', 'MACsec', 'PTP'][index]!] as const))(
    'EtherType %d: %s',
    (type, name) => {
      const { lines, ending } = traced(LINK_TYPE.ethernet, ethernet({ etherType: type }, bytes(1)));
      const digits = `0x${type.toString(16).padStart(4, '0')}`;
      expect(lines).toEqual([`@0 Ethernet: ${MACS}, EtherType ${digits} (${name})`]);
      expect(ending).toEqual({ kind: 'not-ip', offset: 12, reason: `EtherType ${digits} (${name}) carries no IP` });
    },
  );

  test.each([
    [0x8100, 'VLAN tag'],
    [0x88a8, 'service VLAN tag'],
    [0x9100, 'legacy VLAN tag'],
    [0x8847, 'MPLS'],
    [0x8848, 'MPLS, upstream label'],
    [0x8864, 'PPPoE session'],
  ])('EtherType %d leads on: %s', (type, name) => {
    const { lines } = traced(LINK_TYPE.ethernet, ethernet({ etherType: type }, new Uint8Array(8)));
    expect(lines[0]).toMatch(new RegExp(`\\(${name}\\)$`));
    expect(lines.length).toBeGreaterThan(1);
  });

  test.each([
    [0x8021, ' (IP control)'],
    [0x8057, ' (IPv6 control)'],
    [0xc021, ' (link control)'],
    [0x80fc, ''],
  ])('PPP protocol %d:%s', (protocol, name) => {
    const header = bytes(0x11, 0, 0, 7, 0, 2, protocol >> 8, protocol & 255);
    const { ending } = traced(LINK_TYPE.ethernet, ethernet({ etherType: 0x8864 }, header));
    const digits = `0x${protocol.toString(16).padStart(4, '0')}`;
    expect(ending).toEqual({ kind: 'not-ip', offset: 20, reason: `PPP protocol ${digits}${name} carries no IP` });
  });
});

describe('a frame that carries no IP says at which byte that is known', () => {
  test.each<[string, number, Uint8Array, number, string]>([
    ['LLDP', 1, ethernet({ etherType: 0x88cc }, bytes(1)), 12, 'EtherType 0x88cc (LLDP) carries no IP'],
    ['what nobody knows', 1, ethernet({ etherType: 0x1234 }, bytes(1)), 12, 'EtherType 0x1234 (unknown) carries no IP'],
    [
      'ARP in a VLAN',
      1,
      ethernet({ vlans: [{ id: 1 }], etherType: 0x0806 }, bytes(1)),
      16,
      'EtherType 0x0806 (ARP) carries no IP',
    ],
    [
      'a spanning tree',
      1,
      ethernet({ etherType: 38 }, bytes(0x42, 0x42, 3, 0, 0, 0)),
      14,
      'LLC header other than SNAP (AA AA 03): no EtherType follows',
    ],
    [
      'SNAP of a vendor',
      1,
      ethernet({ etherType: 38 }, bytes(0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0)),
      19,
      'SNAP organisation other than 00 00 00: no EtherType follows',
    ],
    [
      'SNAP without an EtherType',
      1,
      ethernet({ etherType: 38 }, bytes(0xaa, 0xaa, 3, 0, 0, 0, 0, 5)),
      20,
      '0x0005 in the SNAP header is not an EtherType',
    ],
    [
      'a pseudowire',
      1,
      ethernet({ etherType: 0x8847 }, bytes(0, 1, 1, 64, 0x00)),
      18,
      'IP version 0 after the last MPLS label, expected 4 or 6',
    ],
    [
      'PPP link control',
      1,
      ethernet({ etherType: 0x8864 }, bytes(0x11, 0, 0, 1, 0, 4, 0xc0, 0x21)),
      20,
      'PPP protocol 0xc021 (link control) carries no IP',
    ],
    [
      'another address family',
      0,
      bytes(0, 0, 0, 7),
      0,
      'address family 7 is not IP (2 is IPv4; 10, 23, 24, 28, 30 are IPv6)',
    ],
  ])('%s', (_what, linkType, frame, offset, reason) => {
    expect(traced(linkType, frame).ending).toEqual({ kind: 'not-ip', offset, reason });
  });
});

describe('a frame that was cut says how much of which header there is', () => {
  test.each<[string, number, Uint8Array, number, string]>([
    ['nothing', 1, bytes(), 0, 'truncated Ethernet header: 0 of 14 bytes captured'],
    ['Ethernet', 1, ethernet({}, V4).subarray(0, 13), 0, 'truncated Ethernet header: 13 of 14 bytes captured'],
    [
      'a VLAN tag',
      1,
      ethernet({ vlans: [{ id: 1 }] }, V4).subarray(0, 17),
      14,
      'truncated VLAN tag: 3 of 4 bytes captured',
    ],
    ['a cooked tag', 113, linuxSll(0x8100, bytes(0)), 16, 'truncated VLAN tag: 1 of 4 bytes captured'],
    [
      'SNAP',
      1,
      ethernet({ etherType: 38 }, bytes(0xaa, 0xaa, 3, 0)),
      14,
      'truncated LLC/SNAP header: 4 of 8 bytes captured',
    ],
    ['MPLS', 1, ethernet({ etherType: 0x8847 }, bytes(0, 1)), 14, 'truncated MPLS label: 2 of 4 bytes captured'],
    [
      'behind MPLS',
      1,
      ethernet({ etherType: 0x8847 }, bytes(0, 1, 1, 64)),
      18,
      'nothing captured after the last MPLS label',
    ],
    [
      'PPPoE',
      1,
      ethernet({ etherType: 0x8864 }, bytes(0x11, 0, 0, 1, 0, 4, 0)),
      14,
      'truncated PPPoE header with PPP protocol: 7 of 8 bytes captured',
    ],
    ['loopback', 0, bytes(0, 0), 0, 'truncated loopback header: 2 of 4 bytes captured'],
    ['raw IP', 101, bytes(), 0, 'truncated IP header: 0 of 20 bytes captured'],
  ])('%s', (_what, linkType, frame, offset, reason) => {
    expect(traced(linkType, frame).ending).toEqual({ kind: 'malformed', offset, reason });
  });

  test('and raw IP of no known version is malformed', () => {
    expect(traced(101, bytes(0x50)).ending).toEqual({
      kind: 'malformed',
      offset: 0,
      reason: 'IP version 5, expected 4 or 6',
    });
  });
});

describe('tags that the kernel left in front of what a cooked header announces', () => {
  const tag = bytes(0x20, 9, 8, 0);
  const udp = ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.udp }, new Uint8Array(8));
  const withoutChecksum = Uint8Array.from(udp).fill(0, 10, 12);

  test('are known by the better IP header behind them', () => {
    expect(linkLines(113, linuxSll(0x0800, concat(tag, udp)))).toEqual([
      '@0 Linux cooked: 16-byte header, EtherType 0x0800 (IPv4)',
      '@16 inner VLAN: id 9, priority 1, left by the kernel: followed by an IPv4 header with a valid checksum',
    ]);
    expect(linkLines(113, linuxSll(0x0800, concat(tag, withoutChecksum)))[1]).toBe(
      '@16 inner VLAN: id 9, priority 1, left by the kernel: followed by an IP packet that ends with the frame',
    );
    expect(linkLines(113, linuxSll(0x0800, concat(tag, withoutChecksum, bytes(0, 0))))[1]).toBe(
      '@16 inner VLAN: id 9, priority 1, left by the kernel: followed by an IP header whose length fits the frame',
    );
    expect(linkLines(113, linuxSll(0x86dd, concat(bytes(0, 1, 0x86, 0xdd), V6)))[1]).toBe(
      '@16 inner VLAN: id 1, priority 0, left by the kernel: followed by an IP packet that ends with the frame',
    );
  });

  test('are not seen in a packet that looks like a tag, and stands as well without one', () => {
    // Identification 0x0800 stands where the EtherType of a tag would.
    const packet = ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 253, totalLength: 0x0800 });
    expect(linkLines(113, linuxSll(0x0800, packet))).toHaveLength(1);
    expect(linkLines(113, linuxSll(0x0800, udp))).toHaveLength(1);
  });
});
