import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWithAgent } from '../../support/agent-decoder.ts';
import { arbitraryFrame, randomFrame } from '../../support/arbitrary-frame.ts';
import {
  concat,
  ethernet,
  extensionHeader,
  fragmentHeader,
  ipv4,
  ipv6,
  linuxSll,
  linuxSll2,
  tcp,
  udp,
} from '../../support/packet-builder.ts';
import { decodeReference, type Frame } from '../../support/reference-decoder.ts';

describe('the decoder, against the reference', () => {
  it('answers the same for structured frames of every link type, whole, cut, lying and damaged', () => {
    fc.assert(
      fc.property(arbitraryFrame, (frame) => {
        expect(decodeWithAgent(frame)).toEqual(decodeReference(frame));
      }),
      { numRuns: 30_000 },
    );
  });

  it('answers the same for any bytes under any link type', () => {
    fc.assert(
      fc.property(randomFrame, (frame) => {
        expect(decodeWithAgent(frame)).toEqual(decodeReference(frame));
      }),
      { numRuns: 10_000 },
    );
  });

  it('answers the same for a frame cut at each of its bytes', () => {
    fc.assert(
      fc.property(arbitraryFrame, ({ bytes, wireLength, linkType }) => {
        for (let capturedLength = 0; capturedLength <= bytes.length; capturedLength++) {
          const frame = { bytes, capturedLength, wireLength, linkType };
          expect(decodeWithAgent(frame)).toEqual(decodeReference(frame));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never looks behind the captured bytes: whatever stands there, the answer is the same', () => {
    const behind = fc.oneof(
      fc.constant(new Uint8Array(64)),
      fc.constant(new Uint8Array(64).fill(0xff)),
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
    );
    fc.assert(
      fc.property(fc.oneof(arbitraryFrame, randomFrame), behind, (frame, poison) => {
        const answer = decodeWithAgent(frame);
        expect(decodeWithAgent(frame, poison)).toEqual(answer);
        expect(decodeWithAgent(frame, frame.bytes.subarray(frame.capturedLength))).toEqual(answer);
      }),
      { numRuns: 10_000 },
    );
  });
});

const A4 = '192.0.2.1';
const B4 = '198.51.100.2';
const A6 = '2001:db8::1';
const B6 = '2001:db8::2';
const A6_GROUPS = '2001:0db8:0000:0000:0000:0000:0000:0001';
const B6_GROUPS = '2001:0db8:0000:0000:0000:0000:0000:0002';

const TCP_HEADER = tcp({ sourcePort: 40_000, destinationPort: 443, flags: 0x12 });
const UDP_HEADER = udp({ sourcePort: 40_000, destinationPort: 53 }, new Uint8Array(4));
const v4 = { source: A4, destination: B4 };
const v6 = { source: A6, destination: B6 };
const IPV4_UDP = ipv4({ ...v4, protocol: 17 }, UDP_HEADER);
const IPV6_UDP = ipv6({ ...v6, nextHeader: 17 }, UDP_HEADER);
const IPV4_ANSWER = {
  family: 4,
  source: A4,
  destination: B4,
  sourcePort: 40_000,
  destinationPort: 53,
  protocol: 17,
  bytes: 32,
};
const IPV6_ANSWER = { ...IPV4_ANSWER, family: 6, source: A6_GROUPS, destination: B6_GROUPS, bytes: 52 };
const MALFORMED = { refusal: 'malformed' };
const NOT_IP = { refusal: 'not-ip' };

/** A whole frame, unless a length says otherwise. */
function frame(linkType: number, bytes: Uint8Array, lengths: { captured?: number; wire?: number } = {}): Frame {
  return {
    linkType,
    bytes,
    capturedLength: lengths.captured ?? bytes.length,
    wireLength: lengths.wire ?? bytes.length,
  };
}

/** A bare packet: what is left of the frame is all the packet's. */
const raw = (bytes: Uint8Array, lengths = {}) => frame(101, bytes, lengths);
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const withBytes = (bytes: Uint8Array, changes: Record<number, number>) => {
  const changed = bytes.slice();
  for (const [index, value] of Object.entries(changes)) changed[Number(index)] = value;
  return changed;
};

/** Each case is put to the reference too: it proves nothing about the agent if the two are wrong together. */
describe.each([
  ['the agent', decodeWithAgent],
  ['the reference', decodeReference],
] as const)('%s, by the rules of the page:', (_, decode) => {
  describe('link types', () => {
    it.each([
      ['Ethernet', frame(1, ethernet({}, IPV4_UDP)), frame(1, ethernet({}, IPV6_UDP))],
      ['Linux cooked capture', frame(113, linuxSll(0x0800, IPV4_UDP)), frame(113, linuxSll(0x86dd, IPV6_UDP))],
      ['Linux cooked capture 2', frame(276, linuxSll2(0x0800, IPV4_UDP)), frame(276, linuxSll2(0x86dd, IPV6_UDP))],
      ['raw IP (12)', frame(12, IPV4_UDP), frame(12, IPV6_UDP)],
      ['raw IP (14)', frame(14, IPV4_UDP), frame(14, IPV6_UDP)],
      ['raw IP (101)', frame(101, IPV4_UDP), frame(101, IPV6_UDP)],
      ['raw IPv4 and IPv6', frame(228, IPV4_UDP), frame(229, IPV6_UDP)],
    ])('%s carries IPv4 and IPv6', (_name, ipv4Frame, ipv6Frame) => {
      expect(decode(ipv4Frame)).toMatchObject(IPV4_ANSWER);
      expect(decode(ipv6Frame)).toMatchObject(IPV6_ANSWER);
    });

    it.each([0, 108])(
      'link type %i takes address family 2 as IPv4, and 10, 23, 24, 28, 30 as IPv6, in either byte order',
      (linkType) => {
        const family = (number: number) => [
          hex(`000000${number.toString(16).padStart(2, '0')}`),
          Uint8Array.of(number, 0, 0, 0),
        ];
        for (const header of family(2))
          expect(decode(frame(linkType, concat(header, IPV4_UDP)))).toMatchObject(IPV4_ANSWER);
        for (const header of [10, 23, 24, 28, 30].flatMap(family)) {
          expect(decode(frame(linkType, concat(header, IPV6_UDP)))).toMatchObject(IPV6_ANSWER);
        }
        for (const header of [0, 1, 7, 11, 29].flatMap(family)) {
          expect(decode(frame(linkType, concat(header, IPV4_UDP)))).toEqual(NOT_IP);
        }
        expect(decode(frame(linkType, concat(hex('00020000'), IPV4_UDP)))).toEqual(NOT_IP);
      },
    );

    it('raw IP of version 5 is malformed, and so is an empty frame of any link type', () => {
      expect(decode(raw(withBytes(IPV4_UDP, { 0: 0x55 })))).toEqual(MALFORMED);
      for (const linkType of [0, 1, 12, 14, 101, 108, 113, 228, 229, 276]) {
        expect(decode(frame(linkType, new Uint8Array(0)))).toEqual(MALFORMED);
      }
    });

    it('the version must be the one that the link layer announces', () => {
      expect(decode(frame(1, ethernet({ etherType: 0x86dd }, IPV4_UDP)))).toEqual(MALFORMED);
      expect(decode(frame(1, ethernet({ etherType: 0x0800 }, IPV6_UDP)))).toEqual(MALFORMED);
      expect(decode(frame(228, IPV6_UDP))).toEqual(MALFORMED);
      expect(decode(frame(229, IPV4_UDP))).toEqual(MALFORMED);
      expect(decode(frame(0, concat(hex('02000000'), IPV6_UDP)))).toEqual(MALFORMED);
      expect(decode(frame(1, ethernet({ etherType: 0x8864 }, concat(hex('1100 0001 0034 0021'), IPV6_UDP))))).toEqual(
        MALFORMED,
      );
    });
  });

  describe('what is walked through', () => {
    it.each([
      ['a VLAN tag', '8100 0001'],
      ['a service tag', '88a8 0001'],
      ['the old stacking tag', '9100 0001'],
      ['five tags', '88a8 0001 8100 0002 8100 0003 9100 0004 8100 0005'],
      ['LLC/SNAP', '002e aaaa03 000000'],
      ['LLC/SNAP with a length that lies', '0000 aaaa03 000000'],
      ['LLC/SNAP in a VLAN tag', '8100 0001 002e aaaa03 000000'],
      ['a VLAN tag in LLC/SNAP', '002e aaaa03 000000 8100 0001'],
    ])('%s', (_name, header) => {
      for (const [etherType, packet, answer] of [
        ['0800', IPV4_UDP, IPV4_ANSWER],
        ['86dd', IPV6_UDP, IPV6_ANSWER],
      ] as const) {
        const walked = concat(hex(header + etherType), packet);
        expect(decode(frame(1, concat(new Uint8Array(12), walked)))).toMatchObject(answer);
        expect(decode(frame(113, concat(new Uint8Array(14), walked)))).toMatchObject(answer);
        const sll2 = concat(walked.subarray(0, 2), new Uint8Array(18), walked.subarray(2));
        expect(decode(frame(276, sll2))).toMatchObject(answer);
      }
    });

    it('MPLS labels to the bottom of the stack, then IP told by its first nibble', () => {
      for (const etherType of [0x8847, 0x8848]) {
        for (const labels of ['00012140', '00010040 00012140', '00010040 00020040 00012140']) {
          const stack = hex(labels);
          expect(decode(frame(1, ethernet({ etherType }, concat(stack, IPV4_UDP))))).toMatchObject(IPV4_ANSWER);
          expect(decode(frame(1, ethernet({ etherType }, concat(stack, IPV6_UDP))))).toMatchObject(IPV6_ANSWER);
        }
      }
    });

    it('a PPPoE session, whose length field is not used', () => {
      const session = (protocol: string, packet: Uint8Array) =>
        frame(1, ethernet({ etherType: 0x8864 }, concat(hex(`1100 0001 0000 ${protocol}`), packet)));
      expect(decode(session('0021', IPV4_UDP))).toMatchObject(IPV4_ANSWER);
      expect(decode(session('0057', IPV6_UDP))).toMatchObject(IPV6_ANSWER);
      expect(decode(session('c021', IPV4_UDP))).toEqual(NOT_IP);
    });

    it('a PPPoE session whose PPP protocol is compressed to its one odd byte', () => {
      const session = (protocol: string, packet: Uint8Array) =>
        frame(1, ethernet({ etherType: 0x8864 }, concat(hex(`1100 0001 0000 ${protocol}`), packet)));
      expect(decode(session('21', IPV4_UDP))).toMatchObject(IPV4_ANSWER);
      expect(decode(session('57', IPV6_UDP))).toMatchObject(IPV6_ANSWER);
      expect(decode(session('21', IPV6_UDP))).toEqual(MALFORMED);
      for (const protocol of ['23', 'fd', 'ff03', '2100']) {
        const answer = protocol === '2100' ? MALFORMED : NOT_IP;
        expect(decode(session(protocol, IPV4_UDP))).toEqual(answer);
      }
    });

    describe('tags that the kernel leaves in front of what a cooked header announces', () => {
      const snap = concat(hex('aaaa03 000000 0800'), IPV4_UDP);
      const mpls = concat(hex('00012140'), IPV4_UDP);
      const pppoe = concat(hex('1100 0001 0000 21'), IPV4_UDP);
      /** Priority and id such that the tag passes for the begin of an IP header. */
      const looks = { ipv4: '4508', ipv6: '6008' };
      const cooked = (etherType: string, payload: Uint8Array) => [
        frame(113, linuxSll(Number.parseInt(etherType, 16), payload)),
        frame(276, linuxSll2(Number.parseInt(etherType, 16), payload)),
      ];

      it.each([
        ['one', (type: string) => `0008 ${type}`],
        ['one of priority 2', (type: string) => `${looks.ipv4} ${type}`],
        ['one of priority 3', (type: string) => `${looks.ipv6} ${type}`],
        ['two', (type: string) => `${looks.ipv4} 8100 6001 ${type}`],
        ['five', (type: string) => `0001 88a8 ${looks.ipv4} 9100 ${looks.ipv6} 8100 0004 8100 0005 ${type}`],
      ])('%s, before all that can carry IP', (_name, tags) => {
        for (const [etherType, packet, answer] of [
          ['0800', IPV4_UDP, IPV4_ANSWER],
          ['86dd', IPV6_UDP, IPV6_ANSWER],
          ['8847', mpls, IPV4_ANSWER],
          ['8864', pppoe, IPV4_ANSWER],
          ['0028', snap, IPV4_ANSWER],
        ] as const) {
          for (const each of cooked(etherType, concat(hex(tags(etherType)), packet))) {
            expect(decode(each)).toMatchObject(answer);
          }
        }
      });

      it('behind an outermost one that libpcap put back', () => {
        expect(decode(frame(113, linuxSll(0x88a8, concat(hex('0007 0800 4508 0800'), IPV4_UDP))))).toMatchObject(
          IPV4_ANSWER,
        );
      });

      it('whatever the checksum, where the length tells, and whatever the length, where the checksum does', () => {
        const long = ipv4({ ...v4, protocol: 17 }, concat(UDP_HEADER, new Uint8Array(5000)));
        const offloaded = ipv4({ ...v4, protocol: 17, totalLength: 0 }, concat(UDP_HEADER, new Uint8Array(70_000)));
        for (const [packet, bytes] of [
          [withBytes(IPV4_UDP, { 10: 0, 11: 0 }), 32],
          [withBytes(long, { 10: 0, 11: 0 }), 5032],
          [long, 5032],
          [offloaded, 70_032],
        ] as const) {
          for (const each of cooked('0800', concat(hex('4508 0800'), packet))) {
            expect(decode(each)).toMatchObject({ ...IPV4_ANSWER, bytes });
          }
        }
      });

      it('which are none where the header already stands, though its length or flow label is that of a tag', () => {
        for (const length of [0x0800, 0x8100, 0x88a8, 0x9100]) {
          const packet = ipv4({ ...v4, protocol: 17 }, concat(UDP_HEADER, new Uint8Array(length - 32)));
          for (const each of cooked('0800', packet)) {
            expect(decode(each)).toMatchObject({ ...IPV4_ANSWER, bytes: length });
            expect(decode({ ...each, capturedLength: 100 })).toMatchObject({ ...IPV4_ANSWER, bytes: length });
          }
        }
        for (const label of [0x86dd, 0x8100]) {
          for (const each of cooked('86dd', withBytes(IPV6_UDP, { 2: label >> 8, 3: label & 0xff }))) {
            expect(decode(each)).toMatchObject(IPV6_ANSWER);
          }
        }
      });

      it('are not looked for behind other link layers, where the frame has its own tags', () => {
        const bytes = ethernet({ etherType: 0x0800 }, concat(hex('0008 0800'), IPV4_UDP));
        expect(decode(frame(1, bytes))).toEqual(MALFORMED);
      });
    });

    it.each([
      ['ARP', '0806', '0001'],
      ['LLDP', '88cc', '0207'],
      ['MACsec', '88e5', '2000'],
      ['802.1ah', '88e7', '0000'],
      ['PPPoE discovery', '8863', '1109'],
      ['a spanning tree frame', '0026', '424203'],
      ['SNAP of another organisation', '0026', 'aaaa03 00000c 0800'],
      ['LLC with another control field', '0026', 'aaaa13 000000 0800'],
      ['a pseudowire in MPLS', '8847', '000121ff 00000000'],
    ])('%s is not IP', (_name, etherType, start) => {
      expect(decode(frame(1, concat(new Uint8Array(12), hex(etherType), hex(start), IPV4_UDP)))).toEqual(NOT_IP);
    });

    it.each([
      ['an Ethernet header', ethernet({}, IPV4_UDP), 14],
      ['a VLAN tag', ethernet({ vlans: [{ id: 1 }] }, IPV4_UDP), 18],
      ['a SNAP header', ethernet({ etherType: 46 }, concat(hex('aaaa03 000000 0800'), IPV4_UDP)), 22],
      ['a label stack', ethernet({ etherType: 0x8847 }, concat(hex('00010040 000121ff'), IPV4_UDP)), 22],
      ['a PPPoE header', ethernet({ etherType: 0x8864 }, concat(hex('1100 0001 0000 0021'), IPV4_UDP)), 22],
    ])('%s that is cut anywhere makes the frame malformed', (_name, bytes, headerBytes) => {
      for (let captured = 0; captured < headerBytes; captured++) {
        expect(decode(frame(1, bytes, { captured }))).toEqual(MALFORMED);
      }
      expect(decode(frame(1, bytes))).toMatchObject(IPV4_ANSWER);
    });
  });

  describe('IPv4', () => {
    it('needs its first twenty bytes and no more to be recorded, but the ports to be told', () => {
      for (let captured = 0; captured < 20; captured++) expect(decode(raw(IPV4_UDP, { captured }))).toEqual(MALFORMED);
      for (let captured = 20; captured < 24; captured++) {
        expect(decode(raw(IPV4_UDP, { captured }))).toMatchObject({
          ...IPV4_ANSWER,
          sourcePort: 0,
          destinationPort: 0,
        });
      }
      expect(decode(raw(IPV4_UDP, { captured: 24 }))).toMatchObject(IPV4_ANSWER);
    });

    it('finds the ports behind options, and records a header whose options were cut', () => {
      const packet = ipv4({ ...v4, protocol: 17, options: new Uint8Array(40).fill(1) }, UDP_HEADER);
      expect(decode(raw(packet))).toMatchObject({ ...IPV4_ANSWER, bytes: 72 });
      expect(decode(raw(packet, { captured: 30, wire: 72 }))).toMatchObject({ protocol: 17, sourcePort: 0, bytes: 72 });
    });

    it('is malformed with a header length below 5 words, or a total length below the header', () => {
      expect(decode(raw(withBytes(IPV4_UDP, { 0: 0x44 })))).toEqual(MALFORMED);
      expect(decode(raw(withBytes(IPV4_UDP, { 0: 0x40 })))).toEqual(MALFORMED);
      expect(decode(raw(ipv4({ ...v4, protocol: 17, totalLength: 19 }, UDP_HEADER)))).toEqual(MALFORMED);
      expect(decode(raw(ipv4({ ...v4, protocol: 17, totalLength: 20 }, UDP_HEADER)))).toMatchObject({ bytes: 20 });
      expect(decode(raw(withBytes(IPV4_UDP, { 0: 0x49 })))).toEqual(MALFORMED);
    });

    it('is malformed when the frame was shorter than the header', () => {
      const withOptions = ipv4({ ...v4, protocol: 17, options: new Uint8Array(4) });
      expect(decode(raw(withOptions, { captured: 23, wire: 23 }))).toEqual(MALFORMED);
      expect(decode(raw(withOptions, { captured: 20, wire: 24 }))).toMatchObject({ bytes: 24, sourcePort: 0 });
      const withoutLength = ipv4({ ...v4, protocol: 17, totalLength: 0, options: new Uint8Array(4) });
      expect(decode(raw(withoutLength, { captured: 20, wire: 20 }))).toEqual(MALFORMED);
    });

    it('counts its total length, not the padding behind it', () => {
      expect(decode(frame(1, concat(ethernet({}, IPV4_UDP), new Uint8Array(14))))).toMatchObject({ bytes: 32 });
    });

    it('never counts more than the frame had room for, captured or not', () => {
      const packet = ipv4({ ...v4, protocol: 17, totalLength: 1500 }, UDP_HEADER);
      expect(decode(frame(1, ethernet({ vlans: [{ id: 1 }] }, packet), { wire: 1018 }))).toMatchObject({ bytes: 1000 });
      expect(decode(raw(packet, { wire: 1514 }))).toMatchObject({ bytes: 1500 });
    });

    it('counts all that is left of the frame when its total length is 0', () => {
      const packet = ipv4({ ...v4, protocol: 17, totalLength: 0 }, UDP_HEADER);
      expect(decode(frame(1, ethernet({}, packet), { wire: 70_014 }))).toMatchObject({ ...IPV4_ANSWER, bytes: 70_000 });
      expect(decode(raw(packet, { wire: 0xffff_ffff }))).toMatchObject({ bytes: 0xffff_ffff });
    });

    it('with an authentication header is simply protocol 51', () => {
      expect(decode(raw(ipv4({ ...v4, protocol: 51 }, hex('1104 0000 00000001 00000001'))))).toMatchObject({
        protocol: 51,
        sourcePort: 0,
      });
    });

    it('tells the ports of the first fragment only', () => {
      const fragment = (fragmentOffset: number) =>
        decode(raw(ipv4({ ...v4, protocol: 6, moreFragments: true, fragmentOffset }, TCP_HEADER)));
      expect(fragment(0)).toMatchObject({ sourcePort: 40_000, destinationPort: 443, tcpFlags: 0x12 });
      expect(fragment(8)).toMatchObject({ sourcePort: 0, destinationPort: 0, tcpFlags: 0, protocol: 6 });
      expect(fragment(0xfff8)).toMatchObject({ sourcePort: 0, destinationPort: 0, tcpFlags: 0, protocol: 6 });
    });
  });

  describe('ports and flags', () => {
    it('are 0 for every other protocol', () => {
      for (const protocol of [1, 2, 47, 50, 132, 136]) {
        expect(decode(raw(ipv4({ ...v4, protocol }, TCP_HEADER)))).toMatchObject({
          protocol,
          sourcePort: 0,
          destinationPort: 0,
          tcpFlags: 0,
        });
      }
    });

    it('are 0 when the port fields lie outside of the packet, though they were captured', () => {
      const answer = decode(raw(ipv4({ ...v4, protocol: 6, totalLength: 23 }, TCP_HEADER)));
      expect(answer).toMatchObject({ sourcePort: 0, destinationPort: 0, tcpFlags: 0, bytes: 23 });
    });

    it('are the ports alone when the TCP header is cut before its flags', () => {
      const packet = ipv4({ ...v4, protocol: 6 }, TCP_HEADER);
      expect(decode(raw(packet, { captured: 33, wire: 40 }))).toMatchObject({
        sourcePort: 40_000,
        destinationPort: 443,
        tcpFlags: 0,
      });
      expect(decode(raw(packet, { captured: 34, wire: 40 }))).toMatchObject({ tcpFlags: 0x12 });
    });

    it('are not read from the padding behind the packet', () => {
      const packet = ipv4({ ...v4, protocol: 6, totalLength: 33 }, TCP_HEADER);
      expect(decode(raw(packet))).toMatchObject({ sourcePort: 40_000, tcpFlags: 0, bytes: 33 });
    });

    it('hold the low eight flag bits', () => {
      const packet = ipv4({ ...v4, protocol: 6 }, withBytes(TCP_HEADER, { 12: 0x5f, 13: 0xff }));
      expect(decode(raw(packet))).toMatchObject({ tcpFlags: 0xff });
    });
  });

  describe('IPv6', () => {
    const chain = (first: number, payload: Uint8Array, payloadLength = payload.length) =>
      ipv6({ ...v6, nextHeader: first, payloadLength }, payload);

    it('needs its first forty bytes to be recorded', () => {
      for (let captured = 0; captured < 40; captured++) expect(decode(raw(IPV6_UDP, { captured }))).toEqual(MALFORMED);
      expect(decode(raw(IPV6_UDP, { captured: 40 }))).toMatchObject({
        ...IPV6_ANSWER,
        sourcePort: 0,
        destinationPort: 0,
      });
    });

    it('counts forty bytes more than its payload, at most what the frame had room for', () => {
      expect(decode(frame(1, concat(ethernet({}, IPV6_UDP), new Uint8Array(8))))).toMatchObject({ bytes: 52 });
      expect(decode(raw(chain(17, UDP_HEADER, 1400), { wire: 1000 }))).toMatchObject({ bytes: 1000 });
      expect(decode(raw(chain(17, UDP_HEADER, 1400), { wire: 9000 }))).toMatchObject({ bytes: 1440 });
    });

    it('counts all that is left of the frame when its payload length is 0, but 40 before No Next Header', () => {
      expect(decode(raw(chain(17, UDP_HEADER, 0), { wire: 100_040 }))).toMatchObject({
        ...IPV6_ANSWER,
        bytes: 100_040,
      });
      expect(decode(raw(chain(59, UDP_HEADER, 0)))).toMatchObject({ protocol: 59, bytes: 40 });
      expect(decode(raw(chain(59, UDP_HEADER, 12)))).toMatchObject({ protocol: 59, bytes: 52 });
      expect(decode(raw(chain(60, extensionHeader(59, 8, new Uint8Array(4)), 0)))).toMatchObject({
        protocol: 59,
        bytes: 52,
      });
    });

    it.each([0, 43, 60])('walks header %i, of any length', (type) => {
      for (const bytes of [8, 16, 2048]) {
        expect(decode(raw(chain(type, extensionHeader(17, bytes, UDP_HEADER))))).toMatchObject({
          ...IPV6_ANSWER,
          bytes: 52 + bytes,
        });
      }
    });

    it('walks an authentication header, whose length counts words', () => {
      const header = hex('1104 0000 00000001 00000001 000000000000000000000000');
      expect(decode(raw(chain(51, concat(header, UDP_HEADER))))).toMatchObject({ ...IPV6_ANSWER, bytes: 76 });
    });

    it('walks all of them in a row, whatever the order', () => {
      const headers = extensionHeader(
        60,
        8,
        extensionHeader(43, 16, extensionHeader(0, 8, extensionHeader(17, 8, UDP_HEADER))),
      );
      expect(decode(raw(chain(60, headers)))).toMatchObject({ ...IPV6_ANSWER, bytes: 92 });
    });

    it.each([50, 59, 135, 139, 140, 253])('takes %i for the protocol', (protocol) => {
      const answer = decode(raw(chain(60, extensionHeader(protocol, 8, UDP_HEADER))));
      expect(answer).toMatchObject({ protocol, sourcePort: 0, destinationPort: 0 });
    });

    it('names the header that was cut, or that lies outside of the packet, as the protocol', () => {
      const packet = chain(60, extensionHeader(43, 8, extensionHeader(17, 8, UDP_HEADER)));
      expect(decode(raw(packet, { captured: 47, wire: 68 }))).toMatchObject({ protocol: 60, bytes: 68 });
      expect(decode(raw(packet, { captured: 48, wire: 68 }))).toMatchObject({ protocol: 43 });
      expect(decode(raw(packet, { captured: 56, wire: 68 }))).toMatchObject({ protocol: 17, sourcePort: 0 });
      expect(decode(raw(chain(60, extensionHeader(17, 8, UDP_HEADER), 7)))).toMatchObject({ protocol: 60, bytes: 47 });
      expect(decode(raw(chain(60, extensionHeader(17, 8, UDP_HEADER), 8)))).toMatchObject({
        protocol: 17,
        sourcePort: 0,
      });
    });

    it('walks a header of which only eight bytes were captured, and sees nothing behind it', () => {
      const packet = chain(60, extensionHeader(17, 64, UDP_HEADER));
      expect(decode(raw(packet, { captured: 48, wire: 116 }))).toMatchObject({
        protocol: 17,
        sourcePort: 0,
        bytes: 116,
      });
    });

    it('tells the ports of the first fragment, and stops walking at a later one', () => {
      const first = chain(44, fragmentHeader(60, 0, true, extensionHeader(17, 8, UDP_HEADER)));
      const later = chain(44, fragmentHeader(60, 8, true, extensionHeader(17, 8, UDP_HEADER)));
      expect(decode(raw(first))).toMatchObject({ ...IPV6_ANSWER, bytes: 68 });
      expect(decode(raw(later))).toMatchObject({ protocol: 60, sourcePort: 0, destinationPort: 0, bytes: 68 });
      const laterTcp = chain(44, fragmentHeader(6, 8, false, TCP_HEADER));
      expect(decode(raw(laterTcp))).toMatchObject({ protocol: 6, sourcePort: 0, destinationPort: 0, tcpFlags: 0 });
    });

    it('takes a fragment header for eight bytes, whatever its reserved byte says', () => {
      const header = withBytes(fragmentHeader(17, 0, false, UDP_HEADER), { 1: 3 });
      expect(decode(raw(chain(44, header)))).toMatchObject({ ...IPV6_ANSWER, bytes: 60 });
    });
  });

  describe('a jumbogram', () => {
    const jumbogram = (options: string, payloadLength = 0) =>
      ipv6({ ...v6, nextHeader: 0, payloadLength }, concat(hex(`11 00 ${options}`), UDP_HEADER));

    it('counts forty bytes more than the option says', () => {
      expect(decode(raw(jumbogram('c204 00011170'), { wire: 80_000 }))).toMatchObject({
        ...IPV6_ANSWER,
        bytes: 70_040,
      });
    });

    it('never counts more than the frame had room for', () => {
      expect(decode(raw(jumbogram('c204 ffffffff'), { wire: 80_000 }))).toMatchObject({
        ...IPV6_ANSWER,
        bytes: 80_000,
      });
    });

    it('is told by the option behind padding too', () => {
      const header = hex('11 01 0000 0102 0000 c204 00011170 0000');
      const packet = ipv6({ ...v6, nextHeader: 0, payloadLength: 0 }, concat(header, UDP_HEADER));
      expect(decode(raw(packet, { wire: 80_000 }))).toMatchObject({ bytes: 70_040 });
    });

    it('counts all that is left of the frame where the option was cut or is not there', () => {
      expect(decode(raw(jumbogram('c204 00011170'), { captured: 47, wire: 80_000 }))).toMatchObject({
        protocol: 0,
        bytes: 80_000,
      });
      expect(decode(raw(jumbogram('0104 00011170'), { wire: 80_000 }))).toMatchObject({ bytes: 80_000 });
      expect(decode(raw(jumbogram('c203 00011170'), { wire: 80_000 }))).toMatchObject({ bytes: 80_000 });
    });

    it('is none when the payload length is given', () => {
      expect(decode(raw(jumbogram('c204 00011170', 20), { wire: 80_000 }))).toMatchObject({
        ...IPV6_ANSWER,
        bytes: 60,
      });
    });
  });
});
