import { describe, expect, test } from 'vitest';
import { attribute, nflogRecord } from '../../support/nflog-record.ts';
import { concat, ethernet, ipv4, ipv6, PROTOCOL, udp } from '../../support/packet-builder.ts';
import { traced } from '../../support/traced-frame.ts';

const NFLOG = 239;
const PORTS = udp({ sourcePort: 1, destinationPort: 2 });
const V4 = ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.udp }, PORTS);
const V6 = ipv6({ source: 'fd00::1', destination: 'fd00::2', nextHeader: PROTOCOL.udp }, PORTS);

describe('a logged packet', () => {
  test('is read with what the packet filter says of it', () => {
    const { lines, ending } = traced(NFLOG, nflogRecord({ prefix: 'drop in', indexIn: 3, indexOut: 4 }, V4));
    expect(lines.slice(0, 4)).toEqual([
      '@0 NFLOG: family 2 (IPv4), group 5',
      '@16 NFLOG: prefix "drop in"',
      '@28 NFLOG: received on interface number 3',
      '@36 NFLOG: to be sent on interface number 4',
    ]);
    expect(lines.at(-1)).toMatch(/UDP: port 1 > 2$/);
    expect(ending).toMatchObject({ kind: 'key', family: 4, sourcePort: 1, bytes: 28 });
  });

  test.each([
    ['IPv6', nflogRecord({}, V6), 'family 10 (IPv6)', 6],
    ['IPv6 of a bridge', nflogRecord({ family: 7, etherType: 0x86dd }, V6), 'family 7 (bridge)', 6],
    ['IPv4 of a bridge', nflogRecord({ family: 7, etherType: 0x0800 }, V4), 'family 7 (bridge)', 4],
    [
      'a frame of an ingress hook',
      nflogRecord({ family: 5, etherType: 0x0800, linkHeader: new Uint8Array(14) }, ethernet({}, V4)),
      'family 5 (netdev)',
      4,
    ],
  ])('may be %s', (_what, record, family, version) => {
    const { lines, ending } = traced(NFLOG, record);
    expect(lines[0]).toBe(`@0 NFLOG: ${family}, group 5`);
    expect(ending).toMatchObject({ kind: 'key', family: version, sourcePort: 1 });
  });

  test('counts what its own header states: the record has no more of it', () => {
    const long = ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 17, totalLength: 1500 }, PORTS);
    expect(traced(NFLOG, nflogRecord({}, long)).ending).toMatchObject({ bytes: 1500 });
  });

  test.each<[string, Parameters<typeof nflogRecord>[0], Uint8Array, object]>([
    [
      'of an egress hook is the packet alone',
      { family: 5, hook: 5, linkHeader: new Uint8Array(14) },
      V4,
      { bytes: 28 },
    ],
    ['of an ingress hook without a link header, too', { family: 5, hook: 1 }, V4, { bytes: 28 }],
    ['of which nothing says its length has what was captured', {}, V4.with(2, 0).with(3, 0), { bytes: 65_575 }],
    ['of IPv6 likewise', {}, V6.with(4, 0).with(5, 0), { bytes: 65_575 }],
  ])('%s', (_what, fields, packet, key) => {
    expect(traced(NFLOG, nflogRecord(fields, packet)).ending).toMatchObject({ kind: 'key', sourcePort: 1, ...key });
  });

  test('may be cut in front of its length', () => {
    const { ending } = traced(NFLOG, nflogRecord({}, V4.subarray(0, 5)));
    expect(ending).toMatchObject({ kind: 'malformed', reason: 'truncated IPv4 header: 5 of 20 bytes captured' });
  });

  test.each([
    ['a prefix with quotes and control characters', 'a"b\u001b[31m', '"a\\"b\\u001b[31m"'],
    ['a prefix that is no UTF-8', Uint8Array.of(0x61, 0xff), '"a\ufffd"'],
    ['no prefix', '', '""'],
  ])('shows %s on its line', (_what, prefix, text) => {
    expect(traced(NFLOG, nflogRecord({ prefix }, V4)).lines[1]).toBe(`@16 NFLOG: prefix ${text}`);
  });
});

describe('a record of the packet filter', () => {
  test.each<[string, Uint8Array, object]>([
    [
      'without a packet',
      nflogRecord({ family: 3, etherType: 0x0806 }, V4),
      { kind: 'not-ip', offset: 0, reason: 'no IP packet in the NFLOG record' },
    ],
    [
      'of a family that nobody knows',
      nflogRecord({ family: 99, etherType: 0 }, V4),
      { kind: 'not-ip', offset: 0, reason: 'no IP packet in the NFLOG record' },
    ],
    [
      'of another version',
      Uint8Array.of(2, 1, 0, 0),
      { kind: 'malformed', offset: 1, reason: 'NFLOG version 1 is unknown, expected 0' },
    ],
    [
      'that was cut',
      Uint8Array.of(2, 0, 0),
      { kind: 'malformed', offset: 0, reason: 'truncated NFLOG header: 3 of 4 bytes captured' },
    ],
    [
      'with an attribute of no length',
      concat(Uint8Array.of(2, 0, 0, 0), Uint8Array.of(3, 0, 9, 0)),
      { kind: 'malformed', offset: 4, reason: 'NFLOG attribute shorter than its own header' },
    ],
  ])('%s is refused', (_what, record, ending) => expect(traced(NFLOG, record).ending).toEqual(ending));

  test('whose packet was cut is read as far as there is any', () => {
    const record = nflogRecord({}, V4);
    const { ending } = traced(NFLOG, record.subarray(0, record.length - 12));
    expect(ending).toMatchObject({ kind: 'malformed', reason: 'truncated IPv4 header: 16 of 20 bytes captured' });
  });

  test('may lie about the length of an attribute, which then ends with the record', () => {
    const lying = attribute(9, V4);
    new DataView(lying.buffer).setUint16(0, 60_000, true);
    const { ending } = traced(NFLOG, concat(Uint8Array.of(2, 0, 0, 0), lying));
    expect(ending).toMatchObject({ kind: 'key', bytes: 28, sourcePort: 1 });
  });
});
