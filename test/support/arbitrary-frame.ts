/**
 * Arbitrary frames with structure: what real networks nest (VLAN tags, SNAP, MPLS, PPPoE, IPv4 options and fragments, IPv6
 * header chains), with fields that lie, cut anywhere, with a byte changed here and there. Built from the inside out; each
 * layer knows the EtherType it is announced by.
 */
import fc from 'fast-check';
import { nflogRecord } from './nflog-record.ts';
import { concat, internetChecksum } from './packet-builder.ts';
import { type Frame, REFERENCE_LINK_TYPES } from './reference-decoder.ts';

/** What an EtherType announces. */
interface Layer {
  readonly etherType: number;
  readonly bytes: Uint8Array;
}

interface Transport {
  readonly protocol: number;
  readonly bytes: Uint8Array;
}

const u16 = (value: number) => Uint8Array.of((value >>> 8) & 0xff, value & 0xff);
const u32 = (value: number) => concat(u16(value >>> 16), u16(value & 0xffff));
const bytesUpTo = (maxLength: number) => fc.uint8Array({ maxLength, size: 'max' });
const octet = fc.nat(255);

/** Source and destination port, mostly such as exclusions look at, and near misses. */
const dhcpPort = fc.constantFrom(67, 68);
const dhcpv6Port = fc.constantFrom(546, 547);
const someKnownPort = fc.constantFrom(66, 67, 68, 69, 545, 546, 547, 548, 1688, 32_767, 32_768);
const ports: fc.Arbitrary<Uint8Array> = fc
  .oneof(
    fc.tuple(dhcpPort, dhcpPort),
    fc.tuple(dhcpv6Port, dhcpv6Port),
    fc.tuple(someKnownPort, someKnownPort),
    fc.tuple(fc.nat(0xffff), fc.nat(0xffff)),
  )
  .map(([source, destination]) => concat(u16(source), u16(destination)));

const transport: fc.Arbitrary<Transport> = fc.oneof(
  fc.tuple(ports, octet, bytesUpTo(4)).map(([ports, flags, payload]) => ({
    protocol: 6,
    bytes: concat(ports, new Uint8Array(8), Uint8Array.of(0x50, flags), new Uint8Array(6), payload),
  })),
  fc.tuple(ports, bytesUpTo(4)).map(([ports, payload]) => ({
    protocol: 17,
    bytes: concat(ports, new Uint8Array(4), payload),
  })),
  fc
    .tuple(fc.oneof(fc.constantFrom(1, 4, 41, 47, 50, 51, 58, 59, 132, 135), octet), bytesUpTo(20))
    .map(([protocol, bytes]) => ({ protocol, bytes })),
);

/** Mostly the truth; else 0, a little more or less, or anything. */
const lie = fc.oneof(
  { weight: 6, arbitrary: fc.constant((truth: number) => truth) },
  { weight: 1, arbitrary: fc.constant(() => 0) },
  { weight: 1, arbitrary: fc.integer({ min: -24, max: 24 }).map((by) => (truth: number) => Math.max(0, truth + by)) },
  { weight: 1, arbitrary: fc.nat(0xffff).map((value) => () => value) },
);

/** Zero in most packets, so that ports are there to be seen. */
const fragmentOffset = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constantFrom(1, 2, 0x1000, 0x1fff) },
);
const versionNibble = (version: 4 | 6) =>
  fc.oneof({ weight: 30, arbitrary: fc.constant(version) }, { weight: 1, arbitrary: fc.nat(15) });

const ipv4: fc.Arbitrary<Layer> = fc
  .record({
    transport,
    version: versionNibble(4),
    optionWords: fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: -5, max: 10 }) },
    ),
    totalLength: lie,
    flags: fc.nat(7),
    fragmentOffset,
    addresses: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    hasChecksum: fc.boolean(),
  })
  .map(({ transport, version, optionWords, totalLength, flags, fragmentOffset, addresses, hasChecksum }) => {
    const options = new Uint8Array(Math.max(0, optionWords) * 4).fill(1);
    const length = 20 + options.length + transport.bytes.length;
    const header = concat(
      Uint8Array.of((version << 4) | (5 + optionWords), 0),
      u16(totalLength(length)),
      u16(0x1234),
      u16((flags << 13) | fragmentOffset),
      Uint8Array.of(64, transport.protocol, 0, 0),
      addresses,
      options,
    );
    if (hasChecksum) header.set(u16(internetChecksum(header)), 10);
    return { etherType: 0x0800, bytes: concat(header, transport.bytes) };
  });

interface ExtensionHeader {
  readonly type: number;
  /** Without its first byte, the next header. */
  readonly rest: Uint8Array;
}

const padTo8 = (bytes: Uint8Array, more: number) =>
  concat(bytes, new Uint8Array(((8 - (bytes.length % 8)) % 8) + more * 8));

/** Mostly the number of further units of 8 bytes that are there. */
const lengthByte = (truth: number) =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(truth) }, { weight: 1, arbitrary: fc.constantFrom(0, 1, 2, 255) });

const optionHeader = (type: number): fc.Arbitrary<ExtensionHeader> =>
  fc.tuple(bytesUpTo(10), fc.nat(1)).chain(([content, more]) => {
    const body = padTo8(concat(new Uint8Array(2), content), more).subarray(2);
    return lengthByte((body.length + 2) / 8 - 1).map((n) => ({ type, rest: concat(Uint8Array.of(n), body) }));
  });

const pads = fc.array(
  fc.oneof(
    fc.constant(Uint8Array.of(0)),
    fc.nat(4).map((length) => concat(Uint8Array.of(1, length), new Uint8Array(length))),
    fc.constant(Uint8Array.of(5, 2, 0, 0)),
  ),
  { maxLength: 3 },
);
const jumboLength = fc.oneof(fc.constantFrom(0, 7, 8, 16, 65_536, 100_000, 0x7fff_ffd8, 0xffff_ffff), fc.nat(120));
const jumboHeader: fc.Arbitrary<ExtensionHeader> = fc
  .tuple(pads, jumboLength, fc.constantFrom(4, 4, 4, 0, 3, 5), fc.nat(1))
  .chain(([before, length, optionBytes, more]) => {
    const option = concat(Uint8Array.of(0xc2, optionBytes), u32(length));
    const body = padTo8(concat(new Uint8Array(2), ...before, option), more).subarray(2);
    return lengthByte((body.length + 2) / 8 - 1).map((n) => ({ type: 0, rest: concat(Uint8Array.of(n), body) }));
  });

const authenticationHeader: fc.Arbitrary<ExtensionHeader> = fc
  .nat(4)
  .chain((words) =>
    lengthByte(1 + words).map((n) => ({ type: 51, rest: concat(Uint8Array.of(n), new Uint8Array(10 + words * 4)) })),
  );

const fragmentHeader: fc.Arbitrary<ExtensionHeader> = fc
  .tuple(fragmentOffset, fc.nat(7), fc.constantFrom(0, 0, 1, 255))
  .map(([offset, flags, reserved]) => ({
    type: 44,
    rest: concat(Uint8Array.of(reserved), u16((offset << 3) | flags), u32(0xabad_cafe)),
  }));

const extensionHeader = fc.oneof(
  optionHeader(0),
  optionHeader(43),
  optionHeader(60),
  authenticationHeader,
  fragmentHeader,
);
const headerChain: fc.Arbitrary<readonly ExtensionHeader[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  { weight: 3, arbitrary: fc.array(extensionHeader, { minLength: 1, maxLength: 4 }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(jumboHeader, fc.array(extensionHeader, { maxLength: 2 }))
      .map(([jumbo, rest]) => [jumbo, ...rest]),
  },
);

const ipv6: fc.Arbitrary<Layer> = fc
  .record({
    transport,
    chain: headerChain,
    version: versionNibble(6),
    payloadLength: fc.oneof(
      lie,
      fc.constant(() => 0),
    ),
    addresses: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  })
  .map(({ transport, chain, version, payloadLength, addresses }) => {
    let next: Transport = transport;
    for (const header of chain.toReversed()) {
      next = { protocol: header.type, bytes: concat(Uint8Array.of(next.protocol), header.rest, next.bytes) };
    }
    const bytes = concat(
      Uint8Array.of(version << 4, 0, 0, 0),
      u16(payloadLength(next.bytes.length)),
      Uint8Array.of(next.protocol, 64),
      addresses,
      next.bytes,
    );
    return { etherType: 0x86dd, bytes };
  });

const ip = fc.oneof(ipv4, ipv6);
const notIp: fc.Arbitrary<Layer> = fc
  .tuple(fc.oneof(fc.constantFrom(0x0806, 0x88cc, 0x88e5, 0x88e7, 0x8863, 0x9200), fc.nat(0xffff)), bytesUpTo(40))
  .map(([etherType, bytes]) => ({ etherType, bytes }));
/** IP under the other version's EtherType, which makes it malformed. */
const mislabelled = ip.map(({ etherType, bytes }) => ({ etherType: etherType === 0x0800 ? 0x86dd : 0x0800, bytes }));

const mpls: fc.Arbitrary<Layer> = fc
  .tuple(
    fc.constantFrom(0x8847, 0x8848),
    fc.array(fc.nat(0xffffff), { minLength: 1, maxLength: 3 }),
    fc.oneof(ip, notIp),
  )
  .map(([etherType, labels, inner]) => {
    const stack = labels.map((label, index) => u32((label << 8) | (index === labels.length - 1 ? 0x100 : 0)));
    for (const entry of stack.slice(0, -1)) entry[2]! &= 0xfe;
    return { etherType, bytes: concat(...stack, inner.bytes) };
  });

const pppoe: fc.Arbitrary<Layer> = fc
  .tuple(
    ip,
    fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
    fc.nat(0xffff),
    fc.boolean(),
  )
  .map(([inner, lied, length, isCompressed]) => {
    const protocol = lied ?? (inner.etherType === 0x0800 ? 0x0021 : 0x0057);
    const field = u16(protocol).subarray(isCompressed ? 1 : 0);
    return { etherType: 0x8864, bytes: concat(Uint8Array.of(0x11, 0, 0, 1), u16(length), field, inner.bytes) };
  });

type Wrap = (inner: Layer) => Layer;
const vlan: fc.Arbitrary<Wrap> = fc
  .tuple(fc.constantFrom(0x8100, 0x88a8, 0x9100), fc.nat(0xffff))
  .map(([etherType, tag]) => (inner) => ({ etherType, bytes: concat(u16(tag), u16(inner.etherType), inner.bytes) }));
const snap: fc.Arbitrary<Wrap> = fc
  .tuple(
    fc.nat(0x05ff),
    fc.oneof(
      { weight: 6, arbitrary: fc.constant(Uint8Array.of(0xaa, 0xaa, 3, 0, 0, 0)) },
      { weight: 1, arbitrary: fc.constantFrom(Uint8Array.of(0x42, 0x42, 3), Uint8Array.of(0xaa, 0xaa, 3, 0, 0, 0xf8)) },
    ),
  )
  .map(([length, llc]) => (inner) => ({ etherType: length, bytes: concat(llc, u16(inner.etherType), inner.bytes) }));
const wraps = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Wrap[]>([]) },
  {
    weight: 2,
    arbitrary: fc.array(fc.oneof({ weight: 3, arbitrary: vlan }, { weight: 1, arbitrary: snap }), { maxLength: 4 }),
  },
);

const payload: fc.Arbitrary<Layer> = fc
  .tuple(
    wraps,
    fc.oneof(
      { weight: 12, arbitrary: ip },
      { weight: 2, arbitrary: mpls },
      { weight: 2, arbitrary: pppoe },
      { weight: 1, arbitrary: notIp },
      { weight: 1, arbitrary: mislabelled },
    ),
  )
  .map(([wraps, inner]) => wraps.reduceRight((layer, wrap) => wrap(layer), inner));

/** Tags that a kernel leaves in front of what it announces, priorities and ids such that they can pass for an IP header. */
const innerTag = fc.oneof(fc.nat(0xffff), fc.constantFrom(0x4508, 0x6008, 0x4f00, 0x1100, 0x0000));
const cookedPayload: fc.Arbitrary<Layer> = fc
  .tuple(
    payload,
    fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(innerTag, { maxLength: 4 })),
    fc.constantFrom(0x8100, 0x88a8, 0x9100),
  )
  .map(([{ etherType, bytes }, tags, between]) => {
    const kept = tags.map((tag, index) => concat(u16(tag), u16(index === tags.length - 1 ? etherType : between)));
    return { etherType, bytes: concat(...kept, bytes) };
  });

const addressFamily = fc.oneof(
  { weight: 6, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom(0, 2, 7, 10, 23, 24, 28, 30, 0x0200, 0x1e00) },
);

/** The payload under the header of a link type, whole. */
function linkFrame(linkType: number): fc.Arbitrary<Uint8Array> {
  switch (linkType) {
    case 1:
      return fc
        .tuple(payload)
        .map(([{ etherType, bytes }]) => concat(new Uint8Array(12).fill(2), u16(etherType), bytes));
    case 113:
      return cookedPayload.map(({ etherType, bytes }) => concat(new Uint8Array(14).fill(3), u16(etherType), bytes));
    case 276:
      return cookedPayload.map(({ etherType, bytes }) => concat(u16(etherType), new Uint8Array(18).fill(4), bytes));
    case 0:
    case 108:
      return fc
        .tuple(ip, addressFamily, fc.constantFrom(10, 23, 24, 28, 30), fc.boolean())
        .map(([{ etherType, bytes }, lied, ipv6Family, littleEndian]) => {
          const family = u32(lied ?? (etherType === 0x0800 ? 2 : ipv6Family));
          return concat(littleEndian ? family.reverse() : family, bytes);
        });
    case 228:
      return fc.oneof({ weight: 9, arbitrary: ipv4 }, { weight: 1, arbitrary: ipv6 }).map(({ bytes }) => bytes);
    case 229:
      return fc.oneof({ weight: 9, arbitrary: ipv6 }, { weight: 1, arbitrary: ipv4 }).map(({ bytes }) => bytes);
    default:
      return ip.map(({ bytes }) => bytes);
  }
}

/** Whole most of the time; `undefined` keeps what is there. */
const cut = fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat() });
const wire = fc.oneof(
  { weight: 4, arbitrary: fc.constant((whole: number) => whole) },
  { weight: 1, arbitrary: fc.integer({ min: -80, max: 80 }).map((by) => (whole: number) => Math.max(0, whole + by)) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(0, 1, 14, 0x0001_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff)
      .map((value) => () => value),
  },
);
const changes = fc.oneof(
  { weight: 3, arbitrary: fc.constant<[number, number][]>([]) },
  { weight: 1, arbitrary: fc.array(fc.tuple(fc.nat(90), octet), { minLength: 1, maxLength: 3 }) },
);

/** Frames of all link types; the bytes behind the captured length are what the cut took away. */
export const arbitraryFrame: fc.Arbitrary<Frame> = fc.constantFrom(1, 1, 1, ...REFERENCE_LINK_TYPES).chain((linkType) =>
  fc
    .record({ bytes: linkFrame(linkType), padding: fc.nat(20), cut, wire, changes })
    .map(({ bytes, padding, cut, wire, changes }) => {
      const whole = concat(bytes, new Uint8Array(padding).fill(0x5a));
      for (const [index, value] of changes) if (index < whole.length) whole[index] = value;
      const capturedLength = cut === undefined ? whole.length : cut % (whole.length + 1);
      return { linkType, bytes: whole, capturedLength, wireLength: Math.max(capturedLength, wire(whole.length)) };
    }),
);

/** Bytes without any structure. */
export const randomFrame: fc.Arbitrary<Frame> = fc
  .tuple(fc.constantFrom(...REFERENCE_LINK_TYPES), bytesUpTo(160), fc.nat(160), fc.nat(300))
  .map(([linkType, bytes, cut, wire]) => {
    const capturedLength = Math.min(cut, bytes.length);
    return { linkType, bytes, capturedLength, wireLength: Math.max(capturedLength, wire) };
  });

/** Records of the packet filter's log, of whole and cut packets; some bytes are changed. */
export const loggedFrame: fc.Arbitrary<Frame> = fc
  .record({
    payload: fc.oneof(
      ip.map(({ bytes }) => bytes),
      linkFrame(1),
    ),
    family: fc.constantFrom(undefined, 2, 3, 5, 7, 10),
    hook: fc.nat(4),
    etherType: fc.constantFrom(undefined, 0x0800, 0x0806, 0x86dd),
    linkHeader: fc.constantFrom(undefined, new Uint8Array(14), new Uint8Array(2)),
    prefix: fc.string({ maxLength: 9 }),
    copied: fc.integer({ min: 20, max: 200 }),
    cut,
    changes,
  })
  .map(({ payload, family, hook, etherType, linkHeader, prefix, copied, cut, changes }) => {
    const fields = {
      hook,
      prefix,
      ...(family !== undefined && { family }),
      ...(etherType !== undefined && { etherType }),
      ...(linkHeader && { linkHeader }),
    };
    const bytes = nflogRecord(fields, payload.subarray(0, copied));
    for (const [index, value] of changes) if (index < bytes.length) bytes[index] = value;
    const capturedLength = cut === undefined ? bytes.length : cut % (bytes.length + 1);
    return { linkType: 239, bytes, capturedLength, wireLength: bytes.length };
  });
