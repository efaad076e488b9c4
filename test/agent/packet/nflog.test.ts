import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IPV4, IPV6, MALFORMED, NOT_IP } from '../../../agent/packet/decode.ts';
import { IP_BYTES, PORTS, ROW_WORDS } from '../../../agent/packet/key-row.ts';
import { createNflogPacket, decodeNflog, readNflog } from '../../../agent/packet/nflog.ts';
import { attribute, type NflogFields, nflogRecord } from '../../support/nflog-record.ts';
import { concat, ethernet, ipv4, ipv6, PROTOCOL, udp } from '../../support/packet-builder.ts';

const ports = udp({ sourcePort: 4000, destinationPort: 53 }, new Uint8Array(1000));
const packet4 = ipv4({ source: '192.0.2.1', destination: '192.0.2.2', protocol: PROTOCOL.udp }, ports);
const packet6 = ipv6({ source: '2001:db8::1', destination: '2001:db8::2', nextHeader: PROTOCOL.udp }, ports);
const PORT_WORD = (4000 << 16) | 53;

function decode(record: Uint8Array, captured = record.length) {
  const rows = new Int32Array(ROW_WORDS);
  const decoded = decodeNflog(viewOf(record), 0, captured, record.length, rows, 0);
  return { decoded, bytes: rows[IP_BYTES], ports: rows[PORTS] };
}

function read(record: Uint8Array, captured = record.length) {
  const packet = createNflogPacket();
  return { whole: readNflog(viewOf(record), 0, captured, packet), packet };
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

describe('an NFLOG record', () => {
  it('tells the prefix, the interfaces, the time and the number of its packet', () => {
    const fields = {
      prefix: 'deny',
      indexIn: 2,
      indexOut: 3,
      physicalIn: 7,
      physicalOut: 8,
      seconds: 60.25,
      sequence: 9,
    };
    const { whole, packet } = read(nflogRecord(fields, packet4));
    expect(whole).toBe(true);
    expect(packet).toMatchObject({
      indexIn: 2,
      indexOut: 3,
      physicalIn: 7,
      physicalOut: 8,
      prefixBytes: 4,
      seconds: 60,
      microseconds: 250_000,
      sequence: 9,
      payloadBytes: packet4.length,
    });
  });

  it('knows no more of one packet than that packet says, whatever was read before', () => {
    const packet = createNflogPacket();
    readNflog(viewOf(nflogRecord({ prefix: 'a', indexIn: 1, sequence: 4, seconds: 9 }, packet4)), 0, 1000, packet);
    const bare = Uint8Array.of(2, 0, 0, 5);
    readNflog(viewOf(bare), 0, bare.length, packet);
    expect(packet).toEqual({ ...createNflogPacket(), family: 2 });
  });

  it.each<[string, NflogFields, Uint8Array, number]>([
    ['IPv4', {}, packet4, IPV4],
    ['IPv6', {}, packet6, IPV6],
    ['IPv4 of the netdev family, coming in', { family: 5, hook: 0, linkHeader: new Uint8Array(14) }, packet4, IPV4],
    ['IPv6 of the bridge family', { family: 7, etherType: 0x86dd }, packet6, IPV6],
    [
      'a frame of the netdev family, going out',
      { family: 5, linkHeader: new Uint8Array(14) },
      ethernet({}, packet4),
      IPV4,
    ],
  ])('holds %s', (_, fields, payload, expected) => {
    const { decoded, bytes, ports: word } = decode(nflogRecord(fields, payload));
    expect({ decoded, bytes, word }).toEqual({
      decoded: expected,
      bytes: expected === IPV4 ? packet4.length : packet6.length,
      word: PORT_WORD,
    });
  });

  it('has the length of the whole packet, of which only the beginning was copied', () => {
    for (const packet of [packet4, packet6]) {
      expect(decode(nflogRecord({}, packet.subarray(0, 64)))).toMatchObject({ bytes: packet.length, ports: PORT_WORD });
    }
  });

  it('refuses what is no record, and what holds no IP packet', () => {
    expect(decode(new Uint8Array(3)).decoded).toBe(MALFORMED);
    expect(decode(Uint8Array.of(2, 1, 0, 5)).decoded).toBe(MALFORMED);
    expect(decode(concat(Uint8Array.of(2, 0, 0, 5), Uint8Array.of(3, 0, 9, 0))).decoded).toBe(MALFORMED);
    expect(decode(nflogRecord({ family: 3, etherType: 0x0806 }, packet4)).decoded).toBe(NOT_IP);
    expect(decode(Uint8Array.of(2, 0, 0, 5)).decoded).toBe(MALFORMED);
  });

  it('never looks behind the captured bytes, whatever they are', () => {
    const whole = nflogRecord(
      { prefix: 'deny', indexIn: 1, seconds: 5, sequence: 1, linkHeader: new Uint8Array(14) },
      packet4,
    );
    const records = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc
        .array(fc.tuple(fc.nat(25), fc.uint8Array({ maxLength: 24 })), { maxLength: 6 })
        .map((attributes) =>
          concat(Uint8Array.of(2, 0, 0, 5), ...attributes.map(([type, value]) => attribute(type, value))),
        ),
      fc.constant(whole),
    );
    fc.assert(
      fc.property(records, fc.nat(200), fc.uint8Array({ minLength: 64, maxLength: 64 }), (record, cut, behind) => {
        const captured = Math.min(cut, record.length);
        const held = record.subarray(0, captured);
        const alone = { ...read(held), ...decode(held) };
        const followed = concat(held, behind);
        expect({ ...read(followed, captured), ...decode(followed, captured) }).toEqual(alone);
      }),
      { numRuns: 3000 },
    );
  });
});
