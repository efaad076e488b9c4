import * as zlib from 'node:zlib';
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createSavefileEngine } from '../../../../agent/capture/savefile/savefile.ts';
import { OperationalError } from '../../../../agent/model/operational-error.ts';
import { createPacketBatch } from '../../../../agent/model/packet-batch.ts';
import { type CapturedPacket, pcapFile, pcapHeader, pcapngFile } from '../../../support/capture-file.ts';
import { arp, concat } from '../../../support/packet-builder.ts';
import { CaptureFolder, packetLines, type ReadFile, readToEnd } from '../../../support/read-source.ts';
import { skippableZstdFrame, zstdFrame } from '../../../support/zstd-data.ts';

const hasZstd = 'createZstdDecompress' in zlib;
const folder = new CaptureFolder();
afterAll(() => folder.remove());

const PACKETS: CapturedPacket[] = Array.from({ length: 40 }, (_, index) => ({
  bytes: concat(
    arp(),
    Uint8Array.from({ length: index * 7 }, (__, at) => (at * 131 + index) & 0xff),
  ),
  seconds: 1_700_000_000 + index,
}));
const FILES = { pcap: pcapFile(PACKETS), pcapng: pcapngFile(PACKETS) };
const PCAP = FILES.pcap;

/** Hands bytes out in pieces of `pieceBytes`, as a pipe may, and says how many were asked for. */
function piecewise(bytes: Uint8Array, pieceBytes = bytes.length) {
  const counted = { at: 0 };
  const engine = createSavefileEngine(async () => ({
    async read(buffer, offset, length) {
      const piece = bytes.subarray(counted.at, counted.at + Math.min(length, pieceBytes));
      buffer.set(piece, offset);
      counted.at += piece.length;
      return piece.length;
    },
    close: () => undefined,
  }));
  return { counted, open: () => engine.open({ path: 'x.pcap', filter: '' }) };
}

/** The packets and how it ended, be it at the beginning. */
async function read(bytes: Uint8Array, pieceBytes?: number): Promise<Pick<ReadFile, 'packets' | 'failure'>> {
  try {
    return await readToEnd(await piecewise(bytes, pieceBytes).open());
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return { packets: [], failure: error };
  }
}

async function lines(bytes: Uint8Array, pieceBytes?: number): Promise<string[]> {
  const { packets, failure } = await read(bytes, pieceBytes);
  return [...packetLines(packets), failure?.message ?? 'whole'];
}

/** One member for each piece of the content, as bgzip and pigz --independent write them. */
function members(content: Uint8Array, bytes: number): Uint8Array {
  const list: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += bytes) list.push(gzipSync(content.subarray(at, at + bytes)));
  return concat(...list);
}

describe('a capture file compressed with gzip', () => {
  test.each(['pcap', 'pcapng'] as const)('has the packets of the %s, whatever its name', async (kind) => {
    const whole = await lines(FILES[kind]);
    expect(whole).toHaveLength(PACKETS.length + 1);
    expect(await lines(gzipSync(FILES[kind]))).toEqual(whole);
    const source = await createSavefileEngine().open({ path: folder.write(gzipSync(FILES[kind])), filter: '' });
    expect(packetLines((await readToEnd(source)).packets)).toEqual(whole.slice(0, -1));
  });

  test('may have several members, and be padded with zeros', async () => {
    const whole = await lines(PCAP);
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 4000 }),
      fc.integer({ min: 1, max: 99 }),
      async (a, b) => {
        expect(await lines(members(PCAP, 20 + a), b)).toEqual(whole);
      },
    );
    await fc.assert(property, { numRuns: 40 });
    expect(await lines(concat(gzipSync(PCAP), new Uint8Array(1000)))).toEqual(whole);
  });

  test('gives the packets before a cut, wherever it is', async () => {
    const whole = gzipSync(PCAP);
    for (let end = 20; end < whole.length; end += end < 120 || end > whole.length - 30 ? 1 : 97) {
      const cut = whole.subarray(0, end);
      const content = gunzipSync(cut, { finishFlush: constants.Z_SYNC_FLUSH });
      const { packets, failure } = await read(cut, 50);
      const there = content.length < 24 ? [] : (await read(content)).packets;
      expect(packetLines(packets), `${end}`).toEqual(packetLines(there));
      expect(failure?.code).toBe('savefile.damaged');
      const where =
        packets.length === 0
          ? 'before its first packet'
          : `after packet ${packets.length}; those ${packets.length} were processed`;
      expect(failure?.message).toBe(`x.pcap is damaged ${where}: its gzip data is truncated.`);
    }
  });

  test('is damaged where a byte was changed, with the same answer however it comes in', async () => {
    const whole = gzipSync(PCAP);
    const property = fc.asyncProperty(
      fc.nat(whole.length - 1),
      fc.integer({ min: 1, max: 255 }),
      async (at, change) => {
        const changed = Uint8Array.from(whole);
        changed[at]! ^= change;
        const answer = await lines(changed);
        expect(await lines(changed, 1 + (at % 100))).toEqual(answer);
        if (at > 9)
          expect(answer.at(-1)).toMatch(
            /damaged (?:after packet \d+; those \d+ were processed|before its first packet):/,
          );
      },
    );
    await fc.assert(property, { numRuns: 150 });
  });

  test('is damaged where something else follows it', async () => {
    const { failure } = await read(concat(gzipSync(PCAP), new TextEncoder().encode('and a text')));
    expect(failure?.message).toMatch(/its gzip data is corrupt \(incorrect header check\)\.$/);
  });

  test('is not decompressed further than it is read', async () => {
    const packet = { bytes: new Uint8Array(60_000) };
    const bomb = members(pcapFile(new Array(3000).fill(packet)), 10_000_000);
    const { counted, open } = piecewise(bomb);
    const source = await open();
    const batch = createPacketBatch(1 << 20);
    await source.read(batch);
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
    expect(batch.count).toBeGreaterThan(0);
    expect(counted.at).toBeLessThan(bomb.length / 2);
    expect(source.fileBytes).toBe(counted.at);
    source.close();
  });

  test('may be closed at any time', async () => {
    for (const reads of [0, 1, 3]) {
      const source = await piecewise(gzipSync(PCAP), 10).open();
      const batch = createPacketBatch(1 << 20);
      for (let i = 0; i < reads; i++) await source.read(batch);
      source.close();
    }
  });

  test('is refused where there is no capture file in it', async () => {
    const { failure } = await read(gzipSync(new TextEncoder().encode('a text, not a capture')));
    expect(failure).toMatchObject({ code: 'savefile.format', message: expect.stringContaining('no magic number') });
  });
});

describe.runIf(hasZstd)('a capture file compressed with zstd', () => {
  test('may have several frames of every kind', async () => {
    const frames = [zstdFrame(PCAP.subarray(0, 500)), skippableZstdFrame(new Uint8Array(9), 3)];
    frames.push(zstdFrame(PCAP.subarray(500, 3000), { size: 'short' }), zstdFrame(new Uint8Array(0)));
    frames.push(zstdFrame(PCAP.subarray(3000), { size: 'single segment', blockBytes: 100_000 }));
    const whole = await lines(PCAP);
    for (const pieceBytes of [1, 100, 1_000_000]) {
      expect(await lines(concat(...frames), pieceBytes)).toEqual(whole);
      expect(await lines(concat(skippableZstdFrame(PCAP), ...frames), pieceBytes)).toEqual(whole);
    }
  });

  test('gives the packets before a cut', async () => {
    const whole = concat(zstdFrame(PCAP.subarray(0, 3000)), zstdFrame(PCAP.subarray(3000)));
    for (const cut of [1, 2, 100, 3000]) {
      const { packets, failure } = await read(whole.subarray(0, whole.length - cut), 300);
      expect(packetLines(packets)).toEqual(packetLines((await read(PCAP)).packets).slice(0, packets.length));
      expect(failure?.message).toMatch(
        /damaged after packet \d+; those \d+ were processed: its zstd data is truncated\.$/,
      );
    }
  });

  test('is refused where it asks for more memory than is given, with the command that helps', async () => {
    expect(await lines(zstdFrame(PCAP, { window: 27 }))).toEqual(await lines(PCAP));
    expect((await read(zstdFrame(PCAP, { window: 28 }))).failure?.message).toMatch(
      /its zstd data needs more than 128 MiB; pipe it through zstdcat --long=31\.$/,
    );
  });

  test('is damaged where its checksum or what follows is wrong', async () => {
    const texts = [zstdFrame(PCAP, { checksum: true }), concat(zstdFrame(PCAP), Uint8Array.of(1, 2, 3, 4))];
    for (const bytes of texts) expect((await lines(bytes)).at(-1)).toMatch(/damaged .* its zstd data is corrupt/);
  });
});

test.runIf(!hasZstd)('zstd data is refused by a Node without zstd, with the command that helps', async () => {
  const { failure } = await read(zstdFrame(PCAP));
  expect(failure?.code).toBe('savefile.format');
  expect(failure?.message).toMatch(
    /^Reading x\.pcap failed, it is zstd data, which Node \S+ cannot decompress .*: run zstdcat x\.pcap \| flowlogd replay - instead\.$/,
  );
});

test.each([
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], 'xzcat'],
  ['bzip2', [0x42, 0x5a, 0x68, 0x39, 0x31, 0x41], 'bzcat'],
  ['lz4', [0x04, 0x22, 0x4d, 0x18, 0x64, 0x40], 'lz4cat'],
])('%s data is refused with the command that helps', async (name, magic, command) => {
  const { failure } = await read(concat(Uint8Array.from(magic), new Uint8Array(100)));
  expect(failure?.message).toBe(
    `Reading x.pcap failed, it is ${name} data, which flowlogd does not decompress: run ${command} x.pcap | flowlogd replay - instead.`,
  );
});

test('what is too short to be told apart is no capture file', async () => {
  for (const bytes of [pcapHeader().subarray(0, 3), Uint8Array.of(0x1f), new Uint8Array(0)]) {
    expect((await read(bytes)).failure?.code).toBe('savefile.format');
  }
});
