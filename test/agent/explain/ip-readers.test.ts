import { describe, expect, test } from 'vitest';
import {
  concat,
  extensionHeader,
  fragmentHeader,
  type Ipv4Fields,
  type Ipv6Fields,
  icmp,
  ipv4,
  ipv6,
  PROTOCOL,
  tcp,
  udp,
} from '../../support/packet-builder.ts';
import { traced } from '../../support/traced-frame.ts';

const bytes = (...each: readonly number[]): Uint8Array => Uint8Array.from(each);
const PORTS = udp({ sourcePort: 53, destinationPort: 4242 }, new Uint8Array(4));

function v4(fields: Partial<Ipv4Fields>, payload = PORTS): Uint8Array {
  return ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.udp, ...fields }, payload);
}
function v6(fields: Partial<Ipv6Fields>, payload = PORTS): Uint8Array {
  return ipv6({ source: 'fd00::1', destination: 'fd00::2', nextHeader: PROTOCOL.udp, ...fields }, payload);
}
const lines = (packet: Uint8Array, wire?: number) => traced(101, packet, wire).lines.slice(1);
const ending = (packet: Uint8Array, wire?: number) => traced(101, packet, wire).ending;

describe('an IPv4 packet', () => {
  test('is read from its header to its ports', () => {
    const packet = v4({ timeToLive: 7, options: new Uint8Array(8) });
    expect(lines(packet)).toEqual([
      '@0 IPv4: 10.0.0.1 > 10.0.0.2, protocol 17 (UDP), header length 28, TTL 7',
      '@2 length: 40 bytes: total length',
      '@28 UDP: port 53 > 4242',
    ]);
    expect(ending(packet)).toEqual({
      kind: 'key',
      family: 4,
      source: [0x0a000001],
      destination: [0x0a000002],
      sourcePort: 53,
      destinationPort: 4242,
      icmpType: -1,
      icmpCode: -1,
      protocol: 17,
      tcpFlags: 0,
      bytes: 40,
    });
  });

  test.each<[string, Uint8Array, number | undefined, string, number]>([
    ['its total length', v4({}), undefined, '32 bytes: total length', 32],
    [
      'less than the frame',
      concat(v4({}), new Uint8Array(14)),
      undefined,
      '32 bytes: total length; 14 more are padding or a trailer',
      32,
    ],
    ['more than was captured', v4({ totalLength: 1500 }), 1500, '1500 bytes: total length', 1500],
    [
      'no more than the frame',
      v4({ totalLength: 1500 }),
      undefined,
      '32 bytes: total length 1500 exceeds the frame: the rest of the frame counts',
      32,
    ],
    [
      'the frame of a segment to be',
      v4({ totalLength: 0 }),
      9000,
      '9000 bytes: total length 0 (segmentation offload): the rest of the frame counts',
      9000,
    ],
  ])('counts %s', (_what, packet, wire, says, counted) => {
    expect(lines(packet, wire)[1]).toBe(`@2 length: ${says}`);
    expect(ending(packet, wire)).toMatchObject({ bytes: counted, sourcePort: 53 });
  });

  test('in fragments has ports in the first alone', () => {
    const first = v4({ moreFragments: true, identification: 0xbeef });
    expect(lines(first).slice(2)).toEqual(['@6 fragment: first, packet 0xbeef', '@20 UDP: port 53 > 4242']);
    const later = v4({ fragmentOffset: 1480, identification: 0xbeef });
    expect(lines(later).slice(2)).toEqual(['@6 fragment: later (from byte 1480, no ports or flags), packet 0xbeef']);
    expect(ending(later)).toMatchObject({ protocol: 17, sourcePort: 0, destinationPort: 0 });
  });

  test.each<[string, Uint8Array, number | undefined, number, string]>([
    ['of another version', v4({}).with(0, 0x55), undefined, 0, 'IP version 5, expected 4'],
    ['with a short header', v4({}).with(0, 0x44), undefined, 0, 'header length 16, expected at least 20'],
    ['shorter than its header', v4({ totalLength: 19 }), undefined, 2, 'total length 19 is below the header length 20'],
    [
      'that ends before its options',
      v4({}).with(0, 0x4f),
      undefined,
      2,
      'total length 32 is below the header length 60',
    ],
    [
      'whose frame ends before its options',
      v4({ totalLength: 0 }).with(0, 0x4f),
      undefined,
      0,
      '32 bytes left in the frame, header length 60',
    ],
  ])('%s is malformed', (_what, packet, wire, offset, reason) => {
    expect(traced(228, packet, wire).ending).toEqual({ kind: 'malformed', offset, reason });
  });
});

describe('an IPv6 packet', () => {
  test('is read through its extension headers', () => {
    const packet = v6(
      { nextHeader: 0, hopLimit: 3 },
      extensionHeader(60, 8, extensionHeader(43, 16, extensionHeader(17, 8, PORTS))),
    );
    expect(lines(packet)).toEqual([
      '@0 IPv6: fd00::1 > fd00::2, next header 0 (Hop-by-Hop Options), hop limit 3',
      '@4 length: 84 bytes: 40 + payload length',
      '@40 Hop-by-Hop Options: 8 bytes, next header 60 (Destination Options)',
      '@48 Destination Options: 16 bytes, next header 43 (Routing)',
      '@64 Routing: 8 bytes, next header 17 (UDP)',
      '@72 UDP: port 53 > 4242',
    ]);
    expect(ending(packet)).toMatchObject({ family: 6, protocol: 17, sourcePort: 53, bytes: 84 });
  });

  test('with an authentication header, whose length counts words', () => {
    const header = concat(bytes(17, 4, 0, 0), new Uint8Array(20));
    expect(lines(v6({ nextHeader: 51 }, concat(header, PORTS))).slice(2)).toEqual([
      '@40 Authentication: 24 bytes, next header 17 (UDP)',
      '@64 UDP: port 53 > 4242',
    ]);
  });

  test('in fragments has ports in the first alone', () => {
    const first = v6({ nextHeader: 44 }, fragmentHeader(17, 0, true, PORTS));
    expect(lines(first).slice(2)).toEqual([
      '@40 Fragment: first, packet 0x00000001, next header 17 (UDP)',
      '@48 UDP: port 53 > 4242',
    ]);
    const later = v6({ nextHeader: 44 }, fragmentHeader(17, 1480, false, PORTS));
    expect(lines(later).slice(2)).toEqual([
      '@40 Fragment: later (from byte 1480, no ports or flags), packet 0x00000001, next header 17 (UDP)',
    ]);
    expect(ending(later)).toMatchObject({ protocol: 17, sourcePort: 0, destinationPort: 0 });
  });

  test('whose extension header was cut is of the protocol that announced it', () => {
    const packet = v6({ nextHeader: 60 }, bytes(17, 0, 1, 4));
    expect(lines(packet).slice(2)).toEqual([
      '@40 Destination Options: truncated (fewer than 8 bytes): recorded as the protocol',
      '@40 transport: protocol 60: no ports in its records',
    ]);
    expect(ending(packet)).toMatchObject({ protocol: 60 });
  });

  test('counts the rest of the frame where its length was left out, and none where nothing follows', () => {
    expect(lines(v6({ payloadLength: 0 }))[1]).toBe(
      '@4 length: 52 bytes: payload length 0 (segmentation offload): the rest of the frame counts',
    );
    expect(lines(v6({ nextHeader: 59 }, bytes()))[1]).toBe('@4 length: 40 bytes: 40 + payload length');
  });

  test('counts the length of a jumbogram, wherever its option stands', () => {
    const jumbo = (...options: readonly number[]) =>
      v6({ nextHeader: 0, payloadLength: 0 }, concat(bytes(17, 0, ...options), PORTS));
    expect(lines(jumbo(0xc2, 4, 0, 1, 0, 0), 70_000)[1]).toBe(
      '@4 length: 65576 bytes: 40 + Jumbo Payload option at byte 42; 4424 more are padding or a trailer',
    );
    expect(ending(jumbo(0xc2, 4, 0, 1, 0, 0), 70_000)).toMatchObject({ bytes: 65_576 });
    const behindPadding = v6(
      { nextHeader: 0, payloadLength: 0 },
      concat(bytes(17, 1, 0, 1, 1, 0, 0, 0xc2, 4, 0, 1, 0, 0, 0, 0, 0), PORTS),
    );
    expect(lines(behindPadding, 70_000)[1]).toMatch(/Jumbo Payload option at byte 47;/);
    const behindAnother = v6(
      { nextHeader: 0, payloadLength: 0 },
      concat(bytes(17, 1, 5, 2, 9, 0xff, 0xc2, 4, 0, 1, 0, 0, 1, 2, 0, 0), PORTS),
    );
    expect(lines(behindAnother, 70_000)[1]).toMatch(/Jumbo Payload option at byte 46;/);
    expect(lines(jumbo(1, 4, 0, 0, 0, 0))[1]).toMatch(/payload length 0 \(segmentation offload\)/);
  });

  test('of another version, or cut, is malformed', () => {
    expect(traced(229, v6({}).with(0, 0x40)).ending).toEqual({
      kind: 'malformed',
      offset: 0,
      reason: 'IP version 4, expected 6',
    });
    expect(traced(229, v6({}).subarray(0, 39)).ending).toEqual({
      kind: 'malformed',
      offset: 0,
      reason: 'truncated IPv6 header: 39 of 40 bytes captured',
    });
  });
});

describe('what a packet carries', () => {
  const of = (protocol: number, payload: Uint8Array) => traced(228, v4({ protocol }, payload));
  const segment = tcp({ sourcePort: 1, destinationPort: 2, flags: 0x12 });
  test.each<[string, number, Uint8Array, string, object]>([
    ['TCP', 6, segment, 'TCP: port 1 > 2, flags SA', { sourcePort: 1, destinationPort: 2, tcpFlags: 0x12 }],
    ['TCP without flags', 6, segment.with(13, 0), 'TCP: port 1 > 2, flags none', { tcpFlags: 0 }],
    [
      'TCP that ends before its flags',
      6,
      segment.subarray(0, 13),
      'TCP: port 1 > 2, truncated before the flags: recorded as 0',
      { sourcePort: 1, tcpFlags: 0 },
    ],
    [
      'TCP that ends in its ports',
      6,
      segment.subarray(0, 3),
      'TCP: truncated before the ports (3 of 4 bytes): recorded as 0',
      { sourcePort: 0, destinationPort: 0, tcpFlags: 0 },
    ],
    [
      'UDP that ends in its ports',
      17,
      PORTS.subarray(0, 2),
      'UDP: truncated before the ports (2 of 4 bytes): recorded as 0',
      { sourcePort: 0 },
    ],
    [
      'ICMP',
      1,
      icmp(3, 13),
      'ICMP: type 3, code 13; no ports in its records',
      { icmpType: 3, icmpCode: 13, sourcePort: 0 },
    ],
    ['ICMPv6', 58, icmp(128, 0), 'ICMPv6: type 128, code 0; no ports in its records', { icmpType: 128, icmpCode: 0 }],
    ['ICMP that was cut', 1, bytes(3), 'ICMP: truncated before type and code', { icmpType: -1, icmpCode: -1 }],
    [
      'ESP',
      50,
      new Uint8Array(8),
      'transport: protocol 50 (ESP): no ports in its records',
      { protocol: 50, sourcePort: 0 },
    ],
    ['no name', 253, bytes(), 'transport: protocol 253: no ports in its records', { protocol: 253 }],
  ])('is read: %s', (_what, protocol, payload, line, key) => {
    const { lines, ending } = of(protocol, payload);
    expect(lines.at(-1)).toBe(`@20 ${line}`);
    expect(ending).toMatchObject({ kind: 'key', ...key });
  });

  test('ends where the packet ends, and not with the padding behind it', () => {
    const padded = concat(v4({ protocol: 6 }, segment.subarray(0, 2)), bytes(9, 9, 9, 9));
    expect(traced(228, padded).ending).toMatchObject({ sourcePort: 0, destinationPort: 0 });
  });
});
