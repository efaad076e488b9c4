import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createLibpcapSavefileEngine } from '../../../../agent/capture/libpcap/libpcap.ts';
import { createSavefileEngine } from '../../../../agent/capture/savefile/savefile.ts';
import { type ErrorCode, OperationalError } from '../../../../agent/model/operational-error.ts';
import { createPacketBatch, FRAME_BYTES_MAX } from '../../../../agent/model/packet-batch.ts';
import { READ, type SavefileEngine } from '../../../../agent/model/packet-source.ts';
import { loadCaptureAddon } from '../../../../agent/native/addon.ts';
import type { Decoder } from '../../../../agent/packet/decode.ts';
import { decoderFor } from '../../../../agent/packet/link-type.ts';
import {
  type CapturedPacket,
  PCAP_MAGIC,
  type PcapOptions,
  pcapFile,
  pcapHeader,
  pcapngFile,
  pcapRecord,
} from '../../../support/capture-file.ts';
import { nflogRecord } from '../../../support/nflog-record.ts';
import { arp, concat, ethernet, ipv4, LINK_TYPE, PROTOCOL, tcp, udp } from '../../../support/packet-builder.ts';
import { CaptureFolder, packetLines, readSavefile } from '../../../support/read-source.ts';

const savefile = createSavefileEngine();
const libpcap = createLibpcapSavefileEngine(loadCaptureAddon());
const folder = new CaptureFolder();
afterAll(() => folder.remove());

const ADDRESSES = { source: '10.0.0.1', destination: '10.0.0.2' };
const UDP = ethernet({}, ipv4({ ...ADDRESSES, protocol: PROTOCOL.udp }, udp({ sourcePort: 1, destinationPort: 2 })));
const TCP = ethernet({}, ipv4({ ...ADDRESSES, protocol: PROTOCOL.tcp }, tcp({ sourcePort: 3, destinationPort: 4 })));
const PACKETS: CapturedPacket[] = [
  { bytes: UDP, seconds: 1_700_000_000, nanoseconds: 123_456_000 },
  { bytes: TCP, seconds: 1_700_000_001, nanoseconds: 999_999_000, wireLength: 1500 },
  { bytes: new Uint8Array(0), seconds: 5, wireLength: 60 },
  { bytes: arp(), seconds: 0 },
];

async function refusal(bytes: Uint8Array, filter = ''): Promise<OperationalError> {
  try {
    await savefile.open({ path: folder.write(bytes), filter });
  } catch (error) {
    if (error instanceof OperationalError) return error;
    throw error;
  }
  throw new Error('the file was not refused');
}

interface Answer {
  /** For some numbers libpcap answers another name of the same kind, or of one that no decoder knows. */
  readonly decoder: Decoder | undefined;
  readonly packets: string[];
  readonly refusal: string | undefined;
}

/** Each sentence has its reader's own reason, but they name the file and count its packets in the same words. */
async function answerOf(engine: SavefileEngine, path: string): Promise<Answer> {
  try {
    const { linkType, packets, failure } = await readSavefile(engine, path);
    const refusal = failure && `${failure.code} ${failure.message.split(':')[0]}`;
    return { decoder: decoderFor(linkType), packets: packetLines(packets), refusal };
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return { decoder: undefined, packets: [], refusal: error.code };
  }
}

async function expectSame(path: string): Promise<void> {
  expect(await answerOf(savefile, path)).toEqual(await answerOf(libpcap, path));
}

/** All that classic files may be: magic number, byte order, version, length of the frames, what they are cut to. */
const OPTIONS: fc.Arbitrary<PcapOptions> = fc.record({
  magic: fc.constantFrom(...Object.values(PCAP_MAGIC)),
  bigEndian: fc.boolean(),
  version: fc.constantFrom([2, 0], [2, 2], [2, 3], [2, 4], [543, 0]),
  linkType: fc.constantFrom(LINK_TYPE.ethernet, LINK_TYPE.raw, 239, 0xf400_0001),
  snapshot: fc.constantFrom(0, 1, 30, 96, 65_535, FRAME_BYTES_MAX, FRAME_BYTES_MAX + 1, 0x7fff_ffff, 0xffff_ffff),
});

describe('the savefile engine', () => {
  test.each([false, true])('reads what was written, big endian: %s', async (bigEndian) => {
    const read = await readSavefile(savefile, folder.write(pcapFile(PACKETS, { bigEndian })));
    expect(read.failure).toBeUndefined();
    expect(read.linkType).toBe(LINK_TYPE.ethernet);
    expect(read.packets).toEqual(
      PACKETS.map(({ bytes, seconds, nanoseconds, wireLength }) => ({
        bytes,
        seconds,
        nanoseconds: nanoseconds ?? 0,
        wireLength: wireLength ?? bytes.length,
      })),
    );
  });

  test('gives the same batches as libpcap, whatever the sizes of the packets', async () => {
    const sizes = fc.array(fc.oneof(fc.nat(64), fc.nat(FRAME_BYTES_MAX), fc.constant(FRAME_BYTES_MAX)), {
      maxLength: 40,
    });
    const property = fc.asyncProperty(sizes, fc.boolean(), async (lengths, bigEndian) => {
      const packets = lengths.map((length, index) => ({ bytes: new Uint8Array(length).fill(index), seconds: index }));
      await expectSame(folder.write(pcapFile(packets, { bigEndian })));
    });
    await fc.assert(property, { numRuns: 20 });
  });

  test.each([
    ['times after 2038', { seconds: 0xffff_fff0, bytes: UDP }, {}],
    ['more than a million microseconds', { nanoseconds: 4_294_967_295_000, seconds: 7, bytes: UDP }, {}],
    [
      'more than a million microseconds, big endian',
      { nanoseconds: 4_294_967_295_000, bytes: UDP },
      { bigEndian: true },
    ],
    ['a record longer than the snapshot length', { bytes: UDP, wireLength: 99 }, { snapshot: 30 }],
    ['a length on the wire of zero', { bytes: UDP, wireLength: 0 }, {}],
    ['a length on the wire below what was captured', { bytes: UDP, wireLength: 20 }, { snapshot: 30, bigEndian: true }],
    ['a snapshot length of zero', { bytes: UDP }, { snapshot: 0 }],
    ['an absurd snapshot length', { bytes: UDP }, { snapshot: 0xffff_ffff }],
    [
      'what a machine of the other byte order logged',
      { bytes: nflogRecord({ prefix: 'odd', indexIn: 3, bigEndian: true }, UDP) },
      { bigEndian: true, linkType: 239 },
    ],
    ['what this machine logged', { bytes: nflogRecord({ prefix: 'odd', indexIn: 3 }, UDP) }, { linkType: 239 }],
  ] as [string, CapturedPacket, PcapOptions][])('reads %s as libpcap does', async (_name, packet, options) => {
    await expectSame(folder.write(pcapFile([packet, packet], options)));
  });

  test.each([false, true])('reads pcapng, big endian: %s', async (bigEndian) => {
    await expectSame(folder.write(pcapngFile(PACKETS, { bigEndian })));
  });

  test('takes what was captured for the length where a file claims less was on the wire', async () => {
    const packets = [0, 20, UDP.length, 1500].map((wireLength) => ({ bytes: UDP, wireLength }));
    const read = await readSavefile(savefile, folder.write(pcapFile(packets)));
    expect(read.packets.map((packet) => packet.wireLength)).toEqual([UDP.length, UDP.length, UDP.length, 1500]);
  });

  test('ignores the frame check sequence length above the link type', async () => {
    const read = await readSavefile(savefile, folder.write(pcapFile(PACKETS, { linkType: 0xf400_0065 })));
    expect(read.linkType).toBe(LINK_TYPE.raw);
  });

  test('hands out the packets before a cut, then says where the file is damaged', async () => {
    const whole = pcapFile(PACKETS);
    for (let cut = 1; cut < 16 + arp().length; cut++) {
      const path = folder.write(whole.subarray(0, whole.length - cut));
      const read = await readSavefile(savefile, path);
      expect(read.packets.length).toBe(3);
      expect(read.failure?.code).toBe('savefile.damaged');
      expect(read.failure?.message).toContain('after packet 3; those 3 were processed: ');
    }
  });

  test('stops at a record of absurd length, and goes on refusing', async () => {
    const absurd = pcapRecord({ bytes: UDP });
    new DataView(absurd.buffer).setUint32(8, 300_000_000, true);
    const path = folder.write(concat(pcapFile(PACKETS), absurd, new Uint8Array(2_000_000)));
    const source = await savefile.open({ path, filter: '' });
    const batch = createPacketBatch(1 << 20);
    expect(await source.read(batch)).toBe(READ.packets);
    expect(batch.count).toBe(PACKETS.length);
    expect(await source.read(batch)).toBe(READ.failed);
    expect(source.failure?.code).toBe('savefile.damaged');
    expect(source.failure?.message).toContain('300000000');
    expect(await source.read(batch)).toBe(READ.failed);
    expect(batch.count).toBe(0);
    source.close();
  });

  test('never asks the file for more than one batch takes', async () => {
    const bytes = pcapFile(new Array(50_000).fill({ bytes: UDP }));
    let asked = 0;
    const engine = createSavefileEngine(async () => ({
      async read(buffer, offset, length) {
        const piece = bytes.subarray(asked, asked + Math.min(length, 1000));
        asked += piece.length;
        buffer.set(piece, offset);
        return piece.length;
      },
      close: () => undefined,
    }));
    const source = await engine.open({ path: 'slow', filter: '' });
    const batch = createPacketBatch(1 << 20);
    await source.read(batch);
    expect(batch.count).toBeGreaterThan(0);
    expect(asked).toBeLessThan(3000);
    source.close();
  });

  test.each([
    [0, 0],
    [1, 9],
    [2, 5],
    [543, 4],
  ] as const)('refuses version %i.%i', async (major, minor) => {
    const error = await refusal(pcapFile(PACKETS, { version: [major, minor] }));
    expect(error.code).toBe('savefile.format');
    expect(error.message).toContain(`version ${major}.${minor}`);
  });

  test('reads nanoseconds, and times of both magic numbers before 2106', async () => {
    const packets = [{ bytes: UDP, seconds: 0xffff_ffff, nanoseconds: 999_999_999 }];
    const read = await readSavefile(savefile, folder.write(pcapFile(packets, { magic: PCAP_MAGIC.nanoseconds })));
    expect(read.packets).toEqual([{ ...packets[0], wireLength: UDP.length }]);
  });

  test.each([
    ['an empty file', new Uint8Array(0)],
    ['text', new TextEncoder().encode('#!/bin/sh\necho this is no capture\n')],
    ['a cut file header', pcapHeader().subarray(0, 23)],
  ])('refuses %s', async (_name, bytes) => {
    expect((await refusal(bytes)).code).toBe('savefile.format');
  });

  test.each(['/nonexistent.pcap', '/'])('says that %s cannot be read', async (path) => {
    await expect(savefile.open({ path, filter: '' })).rejects.toMatchObject({
      code: 'savefile.unreadable' satisfies ErrorCode,
      message: expect.stringContaining(`Reading ${path} failed`),
    });
  });

  test('agrees with libpcap on every kind of file, whole or cut anywhere', async () => {
    const property = fc.asyncProperty(OPTIONS, fc.double({ min: 0, max: 1, noNaN: true }), async (options, part) => {
      const whole = pcapFile(PACKETS, options);
      await expectSame(folder.write(whole));
      await expectSame(folder.write(whole.subarray(0, Math.floor(part * whole.length))));
    });
    await fc.assert(property, { numRuns: 150 });
  });

  test('never crashes and agrees with libpcap, whatever follows a good header', async () => {
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), OPTIONS, async (bytes, options) => {
      await expectSame(folder.write(concat(pcapFile(PACKETS, options), bytes)));
    });
    await fc.assert(property, { numRuns: 200 });
  });

  test('agrees with libpcap on a damaged file, wherever a byte was changed', async () => {
    const property = fc.asyncProperty(OPTIONS, fc.nat(), fc.nat(255), async (options, at, value) => {
      const changed = Uint8Array.from(pcapFile(PACKETS, options));
      changed[at % changed.length] = value;
      await expectSame(folder.write(changed));
    });
    await fc.assert(property, { numRuns: 400 });
  });

  test('agrees with libpcap on a header, wherever a byte of it was changed', async () => {
    const whole = pcapFile(PACKETS);
    for (let at = 0; at < 24; at++) {
      for (const value of [0, 1, 2, 5, 0x1f, 0x80, 0xff]) {
        const changed = Uint8Array.from(whole);
        changed[at] = value;
        await expectSame(folder.write(changed));
      }
    }
  });
});

const CORPUS = fileURLToPath(new URL('../../../../../shared/corpus/captures/', import.meta.url));

describe.skipIf(!existsSync(CORPUS))('over the shared captures', () => {
  const files = existsSync(CORPUS) ? readdirSync(CORPUS) : [];

  test('gives the packets that libpcap gives', async () => {
    for (const file of files) {
      const ours = await answerOf(savefile, CORPUS + file);
      const theirs = await answerOf(libpcap, CORPUS + file);
      expect(ours.packets, file).toEqual(theirs.packets);
      expect(ours.refusal, file).toBe(theirs.refusal);
    }
  });
});
