import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { ByteSource } from '../../../agent/capture/byte-source.ts';
import { createLibpcapSavefileEngine } from '../../../agent/capture/libpcap/libpcap.ts';
import { openPcapng, PCAPNG_MAGIC } from '../../../agent/capture/pcapng.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import { createPacketBatch, FRAME_BYTES_MAX } from '../../../agent/model/packet-batch.ts';
import { READ } from '../../../agent/model/packet-source.ts';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';
import {
  type CapturedPacket,
  type PcapngInterface,
  type PcapngOptions,
  pcapngBlock,
  pcapngFile,
  unitsPerSecond,
} from '../../support/capture-file.ts';
import { nflogRecord } from '../../support/nflog-record.ts';
import type { ReadPacket } from '../../support/packet-batch.ts';
import { concat, LINK_TYPE } from '../../support/packet-builder.ts';
import {
  ANY_PACKET,
  CaptureFolder,
  packetLines,
  type ReadFile,
  readSavefile,
  readToEnd,
} from '../../support/read-source.ts';

const folder = new CaptureFolder();
afterAll(() => folder.remove());

/** A file in memory, of which a read gives `pieceBytes` at most. */
class Pieces implements ByteSource {
  asked = 0;
  bufferBytesMax = 0;
  readonly #bytes: Uint8Array;
  readonly #pieceBytes: number;

  constructor(bytes: Uint8Array, pieceBytes = Number.POSITIVE_INFINITY) {
    this.#bytes = bytes;
    this.#pieceBytes = pieceBytes;
  }

  read(buffer: Uint8Array, offset: number, length: number): number {
    const piece = this.#bytes.subarray(this.asked, this.asked + Math.min(length, this.#pieceBytes));
    buffer.set(piece, offset);
    this.asked += piece.length;
    this.bufferBytesMax = Math.max(this.bufferBytesMax, buffer.length);
    return piece.length;
  }

  close(): void {}
}

async function read(bytes: Uint8Array, pieceBytes?: number): Promise<ReadFile> {
  return readToEnd(await openPcapng('test.pcapng', new Pieces(bytes, pieceBytes)));
}

const frame = (length: number, value: number) => new Uint8Array(length).fill(value);
const PACKETS: CapturedPacket[] = [
  { bytes: frame(60, 1), seconds: 1_700_000_000, nanoseconds: 123_456_000 },
  { bytes: frame(61, 2), seconds: 1_700_000_060, nanoseconds: 999_999_000, wireLength: 9000 },
  { bytes: frame(0, 0), seconds: 5 },
];

/** What the format says of a packet's time, in the plainest arithmetic. */
function timeOf(packet: CapturedPacket, { resolution = 6, offsetSeconds = 0n }: PcapngInterface) {
  if (packet.block === 'simple') return { seconds: 0, nanoseconds: 0 };
  const units = unitsPerSecond(resolution);
  const time = packet.timestamp ?? 0n;
  return {
    seconds: Number(BigInt.asIntN(64, time / units + offsetSeconds)),
    nanoseconds: Number(((time % units) * 1_000_000_000n) / units),
  };
}

/** A section, and what must be read from it. */
interface Section {
  readonly bytes: Uint8Array;
  readonly packets: ReadPacket[];
  readonly linkTypes: number[];
}

const arbitraryInterface: fc.Arbitrary<PcapngInterface> = fc.record({
  linkType: fc.constantFrom(LINK_TYPE.ethernet, LINK_TYPE.raw, LINK_TYPE.linuxSll2, 0xffff),
  snapshot: fc.constantFrom(0, 20, 65_535, 0xffff_ffff),
  resolution: fc.oneof(fc.constantFrom(0, 3, 6, 9), fc.nat(255)),
  offsetSeconds: fc.oneof(
    fc.constant(0n),
    fc.bigInt(-5_000_000_000n, 5_000_000_000n),
    fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  ),
});

/** Times around one, in any order: many of them in the same second. */
function near(time: bigint): fc.Arbitrary<bigint> {
  return fc.integer({ min: -4_000_000, max: 4_000_000 }).map((units) => time + BigInt(units));
}

function arbitraryPacket(interfaces: number): fc.Arbitrary<CapturedPacket> {
  return fc
    .record({
      bytes: fc.uint8Array({ maxLength: 100 }),
      longer: fc.nat(2000),
      interfaceIndex: fc.nat(interfaces - 1),
      timestamp: fc.oneof(
        fc.bigInt(0n, 2n ** 64n - 1n),
        fc.bigInt(0n, 2n ** 53n),
        near(1_700_000_000_123_456n),
        near(1_700_000_000_123_456_789n),
      ),
      block: fc.constantFrom('simple', 'obsolete', undefined),
    })
    .map(({ longer, block, ...packet }) => ({
      ...packet,
      wireLength: packet.bytes.length + longer,
      ...(block === undefined ? {} : { block: block as 'simple' | 'obsolete' }),
    }));
}

const arbitrarySection: fc.Arbitrary<Section> = fc
  .record({
    bigEndian: fc.boolean(),
    interfaces: fc.array(arbitraryInterface, { minLength: 1, maxLength: 4 }),
    minor: fc.constantFrom(0, 2),
  })
  .chain(({ bigEndian, interfaces, minor }) =>
    fc.array(arbitraryPacket(interfaces.length), { maxLength: 20 }).map((packets) => {
      const from = packets.map((packet) => interfaces[packet.block === 'simple' ? 0 : packet.interfaceIndex!]!);
      return {
        bytes: pcapngFile(packets, { bigEndian, interfaces, version: [1, minor] }),
        packets: packets.map((packet, index) => ({
          ...timeOf(packet, from[index]!),
          wireLength: packet.wireLength!,
          bytes: packet.block === 'simple' ? simpleBytes(packet, from[index]!) : packet.bytes,
        })),
        linkTypes: from.map((each) => each.linkType!),
      };
    }),
  );

/** A simple block holds the frame up to its interface's snapshot length; beyond its own bytes there is padding at most. */
function simpleBytes(packet: CapturedPacket, from: PcapngInterface): Uint8Array {
  const padded = concat(packet.bytes, frame((4 - (packet.bytes.length % 4)) % 4, 0));
  return padded.subarray(0, Math.min(packet.wireLength!, from.snapshot! || FRAME_BYTES_MAX));
}

describe('reading pcapng', () => {
  test('gives every packet the link type, length and exact time of its own interface', async () => {
    const pieceBytes = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constant(1 << 20));
    const property = fc.asyncProperty(fc.array(arbitrarySection, { maxLength: 4 }), pieceBytes, async (rest, piece) => {
      const sections = [{ bytes: pcapngFile([]), packets: [], linkTypes: [] }, ...rest];
      const got = await read(concat(...sections.map(({ bytes }) => bytes)), piece);
      expect(got.failure).toBeUndefined();
      expect(packetLines(got.packets)).toEqual(packetLines(sections.flatMap(({ packets }) => packets)));
      expect(got.linkTypes).toEqual(sections.flatMap(({ linkTypes }) => linkTypes));
    });
    await fc.assert(property, { numRuns: 300 });
  });

  test('fills a batch with packets of one link type, and says it', async () => {
    const interfaces = [{ linkType: LINK_TYPE.ethernet }, { linkType: LINK_TYPE.raw }];
    const packets = [0, 0, 1, 0].map((interfaceIndex) => ({ bytes: frame(20, 7), interfaceIndex }));
    const source = await openPcapng('test.pcapng', new Pieces(pcapngFile(packets, { interfaces })));
    const batch = createPacketBatch(1 << 20);
    const seen: [number, number][] = [];
    while ((await source.read(batch)) === READ.packets) seen.push([source.linkType, batch.count]);
    expect(seen).toEqual([
      [LINK_TYPE.ethernet, 2],
      [LINK_TYPE.raw, 1],
      [LINK_TYPE.ethernet, 1],
    ]);
    expect(await source.read(batch)).toBe(READ.end);
  });

  test('knows the link type of a file without packets from its first interface', async () => {
    const interfaces = [{ linkType: LINK_TYPE.raw }, { linkType: LINK_TYPE.linuxSll }];
    expect(await read(pcapngFile([], { interfaces }))).toMatchObject({ linkType: LINK_TYPE.raw, packets: [] });
  });

  test('reads a file without interfaces as one without packets', async () => {
    expect(await read(pcapngFile([], { interfaces: [] }))).toMatchObject({ packets: [], failure: undefined });
  });

  test('gives a simple packet time 0, whatever the offset of its interface', async () => {
    const interfaces = [{ offsetSeconds: 1_700_000_000n }];
    const { packets } = await read(pcapngFile([{ bytes: frame(40, 1), block: 'simple' }], { interfaces }));
    expect(packets).toMatchObject([{ seconds: 0, nanoseconds: 0 }]);
  });

  test('reads a frame that is longer than its interface says', async () => {
    const { packets } = await read(pcapngFile(PACKETS, { interfaces: [{ snapshot: 10 }] }));
    expect(packetLines(packets)).toEqual(packetLines((await read(pcapngFile(PACKETS))).packets));
  });

  test('skips blocks it does not know, and options of packets and interfaces', async () => {
    const comment = Uint8Array.of(1, 0, 2, 0, 65, 66, 0, 0, 0, 0, 0, 0);
    const extra = [4, 5, 10, 0xbad, 0x80000001].map((type) =>
      pcapngBlock(false, type, frame(type % 7 === 0 ? 8 : 400_000, 9)),
    );
    const whole = pcapngFile(PACKETS.slice(0, 1));
    const { packets, failure } = await read(concat(whole, ...extra, withOptions(PACKETS[1]!, comment)));
    expect(failure).toBeUndefined();
    expect(packets.map((packet) => packet.wireLength)).toEqual([60, 9000]);
  });

  test('gives frames of every length, the longest too, and cuts what no batch can hold', async () => {
    const lengths = [1, 188, 191, 192, 193, 197, 65_535, FRAME_BYTES_MAX, FRAME_BYTES_MAX + 1, 3_000_000, 4];
    const packets = lengths.map((length, index) => ({ bytes: frame(length, index + 1), seconds: index }));
    const got = await read(pcapngFile(packets));
    expect(got.packets.map((packet) => packet.wireLength)).toEqual(lengths);
    expect(packetLines(got.packets)).toEqual(
      packetLines(
        packets.map(({ bytes, seconds }) => {
          return { seconds, nanoseconds: 0, wireLength: bytes.length, bytes: bytes.subarray(0, FRAME_BYTES_MAX) };
        }),
      ),
    );
  });
});

/** An Enhanced Packet Block with options after its frame. */
function withOptions(packet: CapturedPacket, options: Uint8Array): Uint8Array {
  const file = pcapngFile([packet]);
  const start = pcapngFile([]).length;
  return pcapngBlock(false, 6, file.subarray(start + 8, file.length - 4), options);
}

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  new DataView(copy.buffer).setUint32(at, value, true);
  return copy;
}

describe('a damaged pcapng', () => {
  const whole = pcapngFile(PACKETS);
  const head = pcapngFile([]).length;
  const third = pcapngFile(PACKETS.slice(0, 2)).length;

  test('gives the packets before a cut, wherever it is', async () => {
    for (let length = 28; length < whole.length; length++) {
      const { packets, failure } = await read(whole.subarray(0, length), 50);
      const ends = [head - 20, head, ...[1, 2].map((count) => pcapngFile(PACKETS.slice(0, count)).length)];
      expect(packets.length).toBe(ends.filter((end) => end <= length && end > head).length);
      expect(failure?.code).toBe(ends.includes(length) ? undefined : 'savefile.damaged');
    }
  });

  test.each([
    ['length 0', changed(whole, third + 4, 0), /a block claims 0 bytes/],
    ['an odd length', changed(whole, third + 4, 34), /claims 34 bytes/],
    ['an absurd length', changed(whole, third + 4, 0xffff_fff0), /claims 4294967280 bytes/],
    ['two lengths', changed(whole, whole.length - 4, 36), /claims 32 bytes at its start and 36 at its end/],
    ['an unknown interface', changed(whole, third + 8, 1), /interface 1, which the file does not describe/],
    ['more bytes than its block', changed(whole, third + 20, 1), /claims 1 bytes, of which its block has 0/],
    [
      'too short a block',
      concat(whole.subarray(0, third), pcapngBlock(false, 6, frame(16, 0))),
      /28 bytes is too short/,
    ],
    ['an odd byte order', concat(whole.subarray(0, third), changed(whole, 8, 7)), /claims 469762048 bytes/],
    ['another version', concat(whole.subarray(0, third), pcapngFile([], { version: [2, 1] })), /version 2\.1/],
    [
      'a short interface',
      concat(whole.subarray(0, third), pcapngBlock(false, 1, frame(4, 0))),
      /description is too short/,
    ],
    [
      'an option too long',
      concat(whole.subarray(0, third), pcapngBlock(false, 1, frame(12, 1))),
      /longer than its desc/,
    ],
    [
      'a time resolution of two bytes',
      concat(whole.subarray(0, third), pcapngBlock(false, 1, frame(8, 0), Uint8Array.of(9, 0, 2, 0, 6, 6, 0, 0))),
      /time resolution of an interface has 2 bytes/,
    ],
    [
      'a time offset of four bytes',
      concat(whole.subarray(0, third), pcapngBlock(false, 1, frame(8, 0), Uint8Array.of(14, 0, 4, 0, 1, 0, 0, 0))),
      /time offset of an interface has 4 bytes/,
    ],
  ])('with %s gives the packets before it and stays failed', async (_what, bytes, message) => {
    const source = await openPcapng('test.pcapng', new Pieces(bytes));
    const batch = createPacketBatch(1 << 20);
    expect(await source.read(batch)).toBe(READ.packets);
    expect(batch.count).toBe(2);
    for (let i = 0; i < 2; i++) {
      expect(await source.read(batch)).toBe(READ.failed);
      expect(batch.count).toBe(0);
      expect(source.failure?.code).toBe('savefile.damaged');
      expect(source.failure?.message).toMatch(/^test\.pcapng is damaged after packet 2; those 2 were processed: /);
      expect(source.failure?.message).toMatch(message);
    }
  });

  test.each([
    ['a cut header', whole.subarray(0, 27), /cut after 27 bytes/],
    ['no byte order', changed(whole, 8, 0), /no byte order/],
    ['another version', pcapngFile(PACKETS, { version: [2, 0] }), /version 2\.0/],
    ['too short a header', changed(whole, 4, 24), /too short/],
  ])('is refused for %s', async (_what, bytes, message) => {
    const opened = openPcapng('test.pcapng', new Pieces(bytes));
    await expect(opened).rejects.toMatchObject({ code: 'savefile.format', message: expect.stringMatching(message) });
  });

  test('that cannot be read any further says so after its packets', async () => {
    const pieces = new Pieces(whole);
    const bytes: ByteSource = {
      read: (buffer, offset, length) =>
        pieces.read(buffer, offset, length) || Promise.reject(new Error('EIO: weather')),
      close: () => undefined,
    };
    const { packets, failure } = await readToEnd(await openPcapng('test.pcapng', bytes));
    expect(packets.length).toBe(3);
    expect(failure).toMatchObject({ code: 'savefile.unreadable', message: expect.stringContaining('EIO: weather') });
  });

  test('never takes more memory than its longest block may have', async () => {
    const longest = pcapngBlock(false, 0xbad, frame(16 * 1024 * 1024 - 12, 1));
    const pieces = new Pieces(concat(pcapngFile([]), longest, longest));
    const { failure } = await readToEnd(await openPcapng('test.pcapng', pieces));
    expect(failure).toBeUndefined();
    expect(pieces.bufferBytesMax).toBeLessThanOrEqual(17 * 1024 * 1024);
    const longer = await read(concat(pcapngFile([]), pcapngBlock(false, 0xbad, frame(16 * 1024 * 1024, 1))));
    expect(longer.failure?.message).toContain('claims 16777228 bytes');
  });

  test('reads no further than the batch needs', async () => {
    const pieces = new Pieces(pcapngFile(new Array(50_000).fill(PACKETS[0]!)), 1000);
    const source = await openPcapng('test.pcapng', pieces);
    const batch = createPacketBatch(1 << 20);
    expect(await source.read(batch)).toBe(READ.packets);
    expect(pieces.asked).toBeLessThan(3000);
  });

  test('has a bound on interfaces', async () => {
    const description = pcapngBlock(false, 1, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
    const { failure } = await read(concat(pcapngFile([]), concat(...new Array(65_536).fill(description))));
    expect(failure?.message).toContain('more than 65536 interfaces');
  });
});

const addon = loadCaptureAddon();
const libpcap = createLibpcapSavefileEngine(addon);

/** PFLOG and USB, which flowlogd does not meter: libpcap turns their headers to this machine's byte order and mends lengths. */
const REWRITTEN_BY_LIBPCAP: readonly number[] = [117, 189, 220];

describe('beside libpcap', () => {
  /** Where libpcap reads a file to its end, ours must say the same; elsewhere it must only not crash. */
  async function expectAtLeastLibpcap(bytes: Uint8Array, lines = packetLines): Promise<void> {
    const path = folder.write(bytes);
    let ours: ReadFile;
    let theirs: ReadFile;
    try {
      ours = await read(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(OperationalError);
      await expect(readSavefile(libpcap, path, ANY_PACKET)).rejects.toBeInstanceOf(OperationalError);
      return;
    }
    try {
      theirs = await readSavefile(libpcap, path, ANY_PACKET);
    } catch {
      return;
    }
    if (theirs.failure === undefined) expect(ours.failure).toBeUndefined();
    const comparable = REWRITTEN_BY_LIBPCAP.includes(theirs.linkType) ? withoutContent : lines;
    const count = theirs.packets.length;
    expect(comparable(ours.packets.slice(0, count))).toEqual(comparable(theirs.packets));
  }

  function withoutContent(packets: readonly ReadPacket[]): string[] {
    return linesToTheSecond(packets.map((each) => ({ ...each, wireLength: 0, bytes: frame(each.bytes.length, 0) })));
  }

  /** Of clocks finer than 2^-34 seconds, libpcap's nanoseconds have overflowed. */
  function linesToTheSecond(packets: readonly ReadPacket[]): string[] {
    return packetLines(packets.map((packet) => ({ ...packet, nanoseconds: 0 })));
  }

  const options: PcapngOptions[] = [
    {},
    { bigEndian: true },
    { interfaces: [{ resolution: 9 }] },
    { interfaces: [{ resolution: 3, offsetSeconds: -9n }, { resolution: 0 }] },
    { interfaces: [{ resolution: 12, offsetSeconds: 1_000_000_000n }] },
    { bigEndian: true, interfaces: [{ resolution: 128 + 20 }, { resolution: 128 + 32 }] },
    { interfaces: [{ resolution: 128 + 33, offsetSeconds: -2_000_000_000n }] },
  ];
  const mixed = PACKETS.flatMap((packet, index) => [packet, { ...packet, block: 'obsolete' as const, seconds: index }]);

  test.each(options)('reads the same from %o', async (each) => {
    await expectAtLeastLibpcap(pcapngFile(mixed, each));
    const simple = mixed.map((packet) => ({ ...packet, block: 'simple' as const, wireLength: packet.bytes.length }));
    if (each.interfaces?.[0]?.offsetSeconds === undefined) await expectAtLeastLibpcap(pcapngFile(simple, each));
  });

  test('reads the same second from clocks too fine for libpcap', async () => {
    for (let bits = 35; bits < 64; bits++) {
      await expectAtLeastLibpcap(pcapngFile(mixed, { interfaces: [{ resolution: 128 + bits }] }), linesToTheSecond);
    }
  });

  test('reads what a machine of the other byte order logged, wherever it was cut', async () => {
    const fields = { prefix: 'odd', indexIn: 3, indexOut: 70_000, seconds: 1_700_000_000.5, sequence: 9 };
    const here = nflogRecord(fields, frame(300, 0x45));
    const there = nflogRecord({ ...fields, bigEndian: true }, frame(300, 0x45));
    const otherVersion = Uint8Array.from(there, (byte, at) => (at === 1 ? 1 : byte));
    const endless = Uint8Array.of(2, 0, 0, 5, 0, 0, 0, 9, 0, 8, 0, 4);
    const cuts = Array.from(there, (_, length) => ({ bytes: there.subarray(0, length), wireLength: there.length }));
    const packets = [{ bytes: there }, { bytes: otherVersion }, { bytes: endless }, ...cuts];
    const file = pcapngFile(packets, { bigEndian: true, interfaces: [{ linkType: 239 }] });
    expect((await read(file)).packets[0]?.bytes).toEqual(here);
    await expectAtLeastLibpcap(file);
    await expectAtLeastLibpcap(pcapngFile([{ bytes: here }], { interfaces: [{ linkType: 239 }] }));
  });

  test('reads the same from damaged files, wherever libpcap reads them', async () => {
    const files = fc.constantFrom(...options.slice(0, 3)).map((each) => pcapngFile(mixed, each));
    const change = fc.record({ at: fc.nat(), value: fc.oneof(fc.nat(8), fc.nat(255)) });
    const property = fc.asyncProperty(
      files,
      fc.array(change, { minLength: 1, maxLength: 3 }),
      async (bytes, changes) => {
        /* Of the first section header libpcap checks less than we do. */
        const header = pcapngFile([], { interfaces: [] }).length;
        const copy = Uint8Array.from(bytes);
        for (const { at, value } of changes) copy[header + (at % (copy.length - header))] = value;
        await expectAtLeastLibpcap(copy, linesToTheSecond);
      },
    );
    /* Big-endian Ethernet that damage turns into USB, and a byte of a frame that libpcap moves then. */
    const bigEndian = pcapngFile(mixed, options[1]);
    const usb = (linkType: number, at: number): [Uint8Array, { at: number; value: number }[]] => [
      bigEndian,
      [
        { at: 9, value: linkType },
        { at, value: 14 },
      ],
    ];
    await fc.assert(property, { numRuns: 1000, examples: [usb(189, 720), usb(220, 282)] });
  });

  test('never crashes, whatever follows a good header', async () => {
    const type = fc.constantFrom(1, 2, 3, 6, 0x0a0d0d0a);
    const body = fc
      .uint8Array({ max: 8, maxLength: 15 })
      .map((words) => new Uint8Array(Uint32Array.from(words).buffer));
    const words = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.tuple(type, body).map((block) => pcapngBlock(false, ...block)),
    );
    const property = fc.asyncProperty(fc.array(words, { maxLength: 6 }), async (noise) => {
      const { failure } = await read(concat(pcapngFile(PACKETS), ...noise), 64);
      expect([undefined, 'savefile.damaged']).toContain(failure?.code);
    });
    await fc.assert(property, { numRuns: 1000 });
  });
});

const CORPUS = fileURLToPath(new URL('../../../../shared/corpus/captures/', import.meta.url));

describe.skipIf(!existsSync(CORPUS))('over the shared captures', () => {
  const files = existsSync(CORPUS) ? readdirSync(CORPUS) : [];
  const pcapng = files.filter((file) =>
    readFileSync(CORPUS + file)
      .subarray(0, 4)
      .equals(PCAPNG_MAGIC),
  );

  test.each(pcapng)('%s gives the packets that libpcap gives', async (file) => {
    const theirs = await readSavefile(libpcap, CORPUS + file, ANY_PACKET);
    const ours = await read(readFileSync(CORPUS + file), 1000);
    expect(ours.linkType).toBe(theirs.linkType);
    expect(ours.failure).toEqual(theirs.failure);
    expect(packetLines(ours.packets)).toEqual(packetLines(theirs.packets));
  });
});
