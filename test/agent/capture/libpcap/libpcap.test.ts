import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createLibpcapEngine, createLibpcapSavefileEngine } from '../../../../agent/capture/libpcap/libpcap.ts';
import { OperationalError } from '../../../../agent/model/operational-error.ts';
import { createPacketBatch } from '../../../../agent/model/packet-batch.ts';
import { type LiveOptions, READ } from '../../../../agent/model/packet-source.ts';
import {
  type CaptureAddon,
  type CaptureHandle,
  loadCaptureAddon,
  READ_FAILED,
} from '../../../../agent/native/addon.ts';
import { type CapturedPacket, PCAP_MAGIC, pcapFile, pcapHeader, pcapngFile } from '../../../support/capture-file.ts';
import { concat, ethernet, ipv4, LINK_TYPE, PROTOCOL, udp } from '../../../support/packet-builder.ts';
import { ANY_PACKET, CaptureFolder, packetLines, readSavefile, readToEnd } from '../../../support/read-source.ts';

const addon = loadCaptureAddon();
const savefiles = createLibpcapSavefileEngine(addon);
const folder = new CaptureFolder();
afterAll(() => folder.remove());

const datagram = (destinationPort: number) =>
  ethernet(
    {},
    ipv4(
      { source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.udp },
      udp({ sourcePort: 1000, destinationPort }, new Uint8Array(destinationPort % 50)),
    ),
  );
const PACKETS: CapturedPacket[] = [
  { bytes: datagram(53), seconds: 1_700_000_000, nanoseconds: 123_456_789 },
  { bytes: datagram(80), seconds: 1_700_000_060, nanoseconds: 999_999_999, wireLength: 9000 },
  { bytes: datagram(81), seconds: 1_600_000_000 },
];
const asRead = (packets: readonly CapturedPacket[]) =>
  packetLines(
    packets.map(({ bytes, seconds = 0, nanoseconds = 0, wireLength = bytes.length }) => {
      return { bytes, seconds, nanoseconds, wireLength };
    }),
  );

function errorOf(work: () => unknown): OperationalError {
  try {
    work();
  } catch (error) {
    if (error instanceof OperationalError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

async function refusal(path: string, filter = ''): Promise<OperationalError> {
  try {
    await savefiles.open({ path, filter });
  } catch (error) {
    if (error instanceof OperationalError) return error;
    throw error;
  }
  throw new Error('the file was not refused');
}

/* A filter makes libpcap read a pcapng itself, so these run through both readers. */
describe.each(['', ANY_PACKET])('the libpcap engine on savefiles, with the filter "%s"', (filter) => {
  const read = (bytes: Uint8Array) => readSavefile(savefiles, folder.write(bytes), filter);

  test.each([
    ['nanosecond pcap', pcapFile(PACKETS, { magic: PCAP_MAGIC.nanoseconds })],
    ['big-endian nanosecond pcap', pcapFile(PACKETS, { magic: PCAP_MAGIC.nanoseconds, bigEndian: true })],
    ['pcapng in nanoseconds', pcapngFile(PACKETS, { interfaces: [{ resolution: 9 }] })],
    ['big-endian pcapng', pcapngFile(PACKETS, { bigEndian: true, interfaces: [{ resolution: 9 }] })],
    ['pcapng finer than nanoseconds', pcapngFile(PACKETS, { interfaces: [{ resolution: 10 }] })],
    [
      'pcapng with a time offset',
      pcapngFile(PACKETS, { interfaces: [{ resolution: 9, offsetSeconds: 1_600_000_000n }] }),
    ],
  ])('reads %s exactly', async (_name, bytes) => {
    const { failure, packets } = await read(bytes);
    expect(failure).toBeUndefined();
    expect(packetLines(packets)).toEqual(asRead(PACKETS));
  });

  test('gives each interface of a pcapng its own clock, and a simple packet time 0', async () => {
    const packets = [
      { ...PACKETS[0]!, interfaceIndex: 1 },
      { bytes: datagram(99), block: 'simple' as const },
    ];
    const { packets: got } = await read(pcapngFile(packets, { interfaces: [{}, { resolution: 9 }] }));
    expect(packetLines(got)).toEqual(asRead([PACKETS[0]!, { bytes: datagram(99) }]));
  });

  test.each([
    ['pcap', (packets: CapturedPacket[]) => pcapFile(packets)],
    [
      'big-endian nanosecond pcap',
      (packets: CapturedPacket[]) => pcapFile(packets, { magic: PCAP_MAGIC.nanoseconds, bigEndian: true }),
    ],
    ['pcapng', (packets: CapturedPacket[]) => pcapngFile(packets)],
    [
      'pcapng of obsolete blocks',
      (packets: CapturedPacket[]) => pcapngFile(packets.map((packet) => ({ ...packet, block: 'obsolete' }))),
    ],
  ])('takes what was captured for the length where a %s claims less was on the wire', async (_name, write) => {
    const lengths = [0, 1, 79, 80, 9000];
    const { packets } = await read(write(lengths.map((wireLength) => ({ bytes: datagram(80), wireLength }))));
    const captured = datagram(80).length;
    expect(packets.map((packet) => packet.wireLength)).toEqual(lengths.map((length) => Math.max(length, captured)));
  });

  test('takes pcapng sections of version 1.0 and 1.2, and every other for damage', async () => {
    const section = (version: [number, number]) => pcapngFile(PACKETS, { version });
    expect((await read(concat(section([1, 2]), section([1, 0])))).packets.length).toBe(2 * PACKETS.length);
    for (const version of [
      [1, 1],
      [1, 3],
      [0, 9],
      [2, 0],
      [2, 2],
    ] as [number, number][]) {
      expect(await refusal(folder.write(section(version)), filter)).toMatchObject({ code: 'savefile.format' });
      // Of later sections libpcap checks the major version alone.
      if (filter !== '' && version[0] === 1) continue;
      const { packets, failure } = await read(concat(section([1, 0]), section(version)));
      expect({ count: packets.length, code: failure?.code }).toEqual({
        count: PACKETS.length,
        code: 'savefile.damaged',
      });
    }
  });

  test('reads times before 1970 and far beyond 32 bits', async () => {
    const early = { bytes: datagram(1), seconds: -7, nanoseconds: 250_000_000 };
    const late = { bytes: datagram(2), seconds: 1_000_000_000_000 };
    const file = (packet: CapturedPacket, offsetSeconds: bigint) =>
      pcapngFile([packet], { interfaces: [{ resolution: 6, offsetSeconds }] });
    expect(packetLines((await read(file(early, -8n))).packets)).toEqual(asRead([early]));
    expect(packetLines((await read(file(late, 0n))).packets)).toEqual(asRead([late]));
  });

  test.each([
    [false, PCAP_MAGIC.microseconds, 1_000_000, 1, 0],
    [true, PCAP_MAGIC.microseconds, 1_000_000, 1, 0],
    [false, PCAP_MAGIC.microseconds, 60_000_001, 60, 1000],
    [false, PCAP_MAGIC.microseconds, 0xffff_ffff, 4294, 967_295_000],
    [true, PCAP_MAGIC.microseconds, 0xffff_ffff, 4294, 967_295_000],
    [false, PCAP_MAGIC.modified, 0xffff_ffff, 4294, 967_295_000],
    [true, PCAP_MAGIC.modified, 0x8000_0000, 2147, 483_648_000],
    [false, PCAP_MAGIC.nanoseconds, 1_000_000_000, 1, 0],
    [false, PCAP_MAGIC.nanoseconds, 0xffff_ffff, 4, 294_967_295],
    [true, PCAP_MAGIC.nanoseconds, 0xffff_ffff, 4, 294_967_295],
  ])('carries a fraction of seconds, big endian: %s, magic %i, fraction %i', async (...row) => {
    const [bigEndian, magic, fraction, seconds, nanoseconds] = row;
    const bytes = pcapFile([{ bytes: datagram(1), seconds: 100 }], { magic, bigEndian });
    new DataView(bytes.buffer).setUint32(28, fraction, !bigEndian);
    const [packet] = (await read(bytes)).packets;
    expect(packet).toMatchObject({ seconds: 100 + seconds, nanoseconds });
  });
});

describe('the libpcap engine on savefiles', () => {
  test.each([
    [LINK_TYPE.raw, LINK_TYPE.raw],
    [LINK_TYPE.linuxSll2, LINK_TYPE.linuxSll2],
    [100, 100],
    [0, 0],
  ])('says link type %i as it stands in the file', async (written, expected) => {
    const source = await savefiles.open({ path: folder.write(pcapHeader({ linkType: written })), filter: '' });
    expect(source.linkType).toBe(expected);
    source.close();
  });

  test('reads only what the filter accepts', async () => {
    const source = await savefiles.open({ path: folder.write(pcapFile(PACKETS)), filter: 'udp dst port 80' });
    const read = await readToEnd(source);
    expect(read.packets.map((packet) => packet.wireLength)).toEqual([9000]);
  });

  test('ends more than once', async () => {
    const source = await savefiles.open({ path: folder.write(pcapHeader()), filter: '' });
    const batch = createPacketBatch(1 << 20);
    expect(source.read(batch)).toBe(READ.end);
    expect(source.read(batch)).toBe(READ.end);
    source.close();
    source.close();
  });

  test('hands out the packets before a cut, then says that the file is damaged', async () => {
    const whole = pcapngFile(PACKETS);
    const read = await readSavefile(savefiles, folder.write(whole.subarray(0, whole.length - 5)));
    expect(read.packets.length).toBe(2);
    expect(read.failure?.code).toBe('savefile.damaged');
    expect(read.failure?.message).toContain('after packet 2; those 2 were processed: ');
  });

  test.each(['hello, this is text', '\n\r\r\nthis is text too', '\n\r', '\n'])(
    'says that %j is no capture',
    async (text) => {
      const path = folder.write(new TextEncoder().encode(text));
      const error = await refusal(path);
      expect(error.code).toBe('savefile.format');
      expect(error.message).toContain(path);
    },
  );

  test.each(['/nonexistent.pcap', '/'])('says that %s cannot be read', async (path) => {
    expect((await refusal(path)).code).toBe('savefile.unreadable');
  });

  test('says what is wrong with a filter', async () => {
    const error = await refusal(folder.write(pcapHeader()), 'tcp prot 80');
    expect(error.code).toBe('capture.filter');
    expect(error.message).toContain('"tcp prot 80"');
    expect(error.message).toContain('syntax error');
  });

  test.each([
    ['link types', pcapngFile(PACKETS, { interfaces: [{}, { linkType: LINK_TYPE.raw }] })],
    ['snapshot lengths', pcapngFile(PACKETS, { interfaces: [{}, { snapshot: 100 }] })],
  ])('reads a pcapng of several %s, but not through a filter', async (_what, bytes) => {
    const path = folder.write(bytes);
    const whole = await readSavefile(savefiles, path);
    expect(whole.failure).toBeUndefined();
    expect(whole.packets.length).toBe(PACKETS.length);
    const filtered = await readSavefile(savefiles, path, 'udp');
    expect(filtered.failure?.code).toBe('savefile.format');
    expect(filtered.failure?.message).toContain('read it without --filter');
  });

  test('never crashes, whatever follows a good header', async () => {
    const good = fc.constantFrom(
      pcapFile(PACKETS),
      pcapFile(PACKETS, { magic: PCAP_MAGIC.modified }),
      pcapngFile(PACKETS),
      pcapngFile(PACKETS, { bigEndian: true, interfaces: [{ resolution: 9, offsetSeconds: -5n }] }),
    );
    const property = fc.asyncProperty(good, fc.nat(), fc.uint8Array({ maxLength: 300 }), async (bytes, at, noise) => {
      const kept = bytes.subarray(0, 28 + (at % (bytes.length - 28)));
      const path = folder.write(concat(kept, noise));
      try {
        const read = await readSavefile(savefiles, path);
        expect(['savefile.damaged', 'savefile.format', undefined]).toContain(read.failure?.code);
      } catch (error) {
        expect(error).toMatchObject({ code: 'savefile.format' });
      }
    });
    await fc.assert(property, { numRuns: 500 });
  });
});

/** An addon whose live captures do as a test says; savefiles and memory are of no concern here. */
function fakeAddon(live: Partial<CaptureAddon>): CaptureAddon {
  return {
    ...addon,
    interfaces: () => ['any', 'nflog', 'eth0', 'lo'].map((name) => ({ ...addon.interfaces()[0]!, name })),
    interfaceIndex: () => 7,
    openLive: () => ({}) as CaptureHandle,
    describe: () => ({ linkType: 1, linkTypeName: 'EN10MB', snapshot: 128, nanosecond: true }),
    readBatch: () => 0,
    close: () => undefined,
    isClosing: () => false,
    stopIntake: () => true,
    isInterfaceUp: () => true,
    ...live,
  };
}
const OPTIONS: LiveOptions = {
  interfaceName: 'eth9',
  snapBytes: 128,
  bufferBytes: 1 << 20,
  promiscuous: true,
  filter: 'tcp',
};

describe('the libpcap engine on interfaces', () => {
  test.each([
    ['PCAP_ERROR_PERM_DENIED', 'no rights', 'capture.permission', 'CAP_NET_RAW'],
    ['PCAP_ERROR', 'socket: Operation not permitted', 'capture.permission', 'setcap cap_net_raw+ep'],
    ['PCAP_ERROR_NO_SUCH_DEVICE', 'No such device exists', 'capture.no-interface', 'interfaces here are eth0, lo.'],
    ['PCAP_ERROR_IFACE_NOT_UP', 'not up', 'capture.no-interface', 'ip link set eth9 up'],
    ['PCAP_FILTER', 'syntax error', 'capture.filter', 'syntax error'],
    ['PCAP_ERROR', 'socket: Too many open files', 'capture.no-room', 'LimitNOFILE='],
    ['PCAP_ERROR', 'socket: Too many open files in system', 'capture.no-room', 'fs.file-max'],
    ['PCAP_ERROR', "can't mmap rx ring: Cannot allocate memory", 'capture.no-room', 'capture.memoryMax'],
    ['PCAP_ERROR', 'out of luck', 'capture.failed', 'out of luck'],
  ])('turns %s (%s) into %s', (code, text, expected, words) => {
    const openLive = () => {
      throw Object.assign(new Error(text), { code });
    };
    const error = errorOf(() => createLibpcapEngine(fakeAddon({ openLive })).open(OPTIONS));
    expect(error.code).toBe(expected);
    expect(error.message).toContain('eth9');
    expect(error.message).toContain(words);
  });

  test('names CAP_NET_ADMIN for NFLOG', () => {
    const openLive = () => {
      throw Object.assign(new Error('Operation not permitted'), { code: 'PCAP_ERROR' });
    };
    const engine = createLibpcapEngine(fakeAddon({ openLive }));
    expect(errorOf(() => engine.open({ ...OPTIONS, interfaceName: 'nflog:5' })).message).toContain('cap_net_admin+ep');
  });

  test('says of an NFLOG group that somebody else has it', () => {
    const openLive = () => {
      throw Object.assign(new Error("Can't listen on group index: Operation not permitted"), { code: 'PCAP_ERROR' });
    };
    const engine = createLibpcapEngine(fakeAddon({ openLive }));
    const error = errorOf(() => engine.open({ ...OPTIONS, interfaceName: 'nflog:5' }));
    expect(error).toMatchObject({
      code: 'capture.failed',
      message: expect.stringContaining('another program has the group'),
    });
  });

  test('has the kernel copy no more of a logged packet than was asked for, and closes what it cannot tune', () => {
    const tuned: unknown[] = [];
    const closed: unknown[] = [];
    const tuneNflog: CaptureAddon['tuneNflog'] = (_handle, group, copyBytes) => {
      tuned.push([group, copyBytes]);
      throw Object.assign(new Error('configuring the NFLOG group: No buffer space available'), { code: 'ENOBUFS' });
    };
    const engine = createLibpcapEngine(fakeAddon({ tuneNflog, close: (handle) => void closed.push(handle) }));
    const error = errorOf(() => engine.open({ ...OPTIONS, interfaceName: 'nflog:5' }));
    expect(error.message).toContain('configuring the NFLOG group');
    expect(tuned).toEqual([[5, OPTIONS.snapBytes]]);
    expect(closed).toHaveLength(1);
  });

  test.each([
    ['The interface disappeared', 'capture.gone'],
    ['recvfrom failed: weather', 'capture.failed'],
  ])('turns the failure "%s" into %s, once nothing more can come', (text, code) => {
    let nowMs = 0;
    const engine = createLibpcapEngine(fakeAddon({ readBatch: () => READ_FAILED, errorText: () => text }), () => nowMs);
    const source = engine.open(OPTIONS);
    const batch = createPacketBatch(1 << 20);
    expect(source.read(batch)).toBe(READ.idle);
    nowMs = 250;
    expect(source.read(batch)).toBe(READ.failed);
    expect(source.failure).toMatchObject({ code, message: expect.stringContaining(text) });
    expect(source.read(batch)).toBe(READ.failed);
  });

  test('ends an idle capture whose name is now another interface when all that it held is read, without waiting', () => {
    let [index, nowMs, stopped] = [7, 0, 0];
    const answers: number[] = [];
    const readBatch: CaptureAddon['readBatch'] = (_handle, _batch, _copyBytes, timeoutMs) => {
      expect(timeoutMs).toBe(0);
      return answers.shift() ?? 0;
    };
    const stopIntake = () => {
      stopped++;
      return true;
    };
    const engine = createLibpcapEngine(fakeAddon({ interfaceIndex: () => index, readBatch, stopIntake }), () => nowMs);
    const source = engine.open(OPTIONS);
    const batch = createPacketBatch(1 << 20);
    expect([source.read(batch), source.isEnding]).toEqual([READ.idle, false]);
    index = 8;
    expect([source.read(batch), source.isEnding, stopped]).toEqual([READ.idle, true, 1]);
    nowMs = 249;
    expect(source.read(batch)).toBe(READ.idle);
    nowMs = 300;
    answers.push(3);
    expect([source.read(batch), batch.count]).toEqual([READ.packets, 3]);
    expect([source.read(batch), source.failure?.code, stopped]).toEqual([READ.failed, 'capture.gone', 1]);
  });

  test('says of an interface that was away and is back under its name that it was gone', () => {
    let [index, nowMs] = [7, 0];
    const engine = createLibpcapEngine(fakeAddon({ interfaceIndex: () => index, readBatch: () => 0 }), () => nowMs);
    const source = engine.open(OPTIONS);
    const batch = createPacketBatch(1 << 20);
    index = 0;
    expect(source.read(batch)).toBe(READ.idle);
    [index, nowMs] = [7, 250];
    expect([source.read(batch), source.failure?.code]).toEqual([READ.failed, 'capture.gone']);
  });

  test('waits for those that go on, and no longer than until one is to be read to its end', () => {
    let nowMs = 0;
    const indexes: Record<string, number> = { eth1: 1, eth2: 2 };
    const waits: number[][] = [];
    const wait: CaptureAddon['wait'] = (handles, timeoutMs) => waits.push([handles.length, timeoutMs]);
    const interfaceIndex = (name: string) => indexes[name] ?? 0;
    const engine = createLibpcapEngine(fakeAddon({ interfaceIndex, wait, stopIntake: () => true }), () => nowMs);
    const sources = ['eth1', 'eth2'].map((interfaceName) => engine.open({ ...OPTIONS, interfaceName }));
    const batch = createPacketBatch(1 << 20);
    delete indexes['eth2'];
    for (const source of sources) source.read(batch);
    void engine.wait(sources, 500);
    expect(sources.map(({ isReady }) => isReady)).toEqual([false, false]);
    nowMs = 250;
    void engine.wait(sources, 500);
    expect(sources.map(({ isReady }) => isReady)).toEqual([false, true]);
    expect(waits).toEqual([
      [1, 250],
      [1, 0],
    ]);
  });

  test('asks for the name of a quiet capture with each read, and where somebody follows the names only when that one says so', () => {
    const indexes: Record<string, number> = { eth1: 1, eth2: 2 };
    const asked: string[] = [];
    const waits: number[] = [];
    const interfaceIndex = (name: string) => {
      asked.push(name);
      return indexes[name] ?? 0;
    };
    const wait: CaptureAddon['wait'] = (_, timeoutMs) => waits.push(timeoutMs);
    const engine = createLibpcapEngine(fakeAddon({ interfaceIndex, wait, stopIntake: () => true }), () => 0);
    const sources = ['eth1', 'eth2'].map((interfaceName) => engine.open({ ...OPTIONS, interfaceName }));
    const batch = createPacketBatch(1 << 20);
    const askedFor = (act: () => void) => {
      asked.length = 0;
      act();
      for (const source of sources) source.read(batch);
      return asked.join();
    };
    expect(askedFor(() => undefined)).toBe('eth1,eth2');
    const tell = engine.followNames!();
    expect(askedFor(() => undefined)).toBe('');
    const appeared = (index: number, name: string) => ({
      isChanged: true,
      appeared: [{ index, name, atSeconds: 0 }],
      vanished: [],
    });
    const gone = (index: number) => ({
      isChanged: true,
      appeared: [],
      vanished: [{ index, name: 'x', packets: 0, appearedAt: 0 }],
    });
    expect(askedFor(() => tell(appeared(3, 'eth3')))).toBe('');
    expect(askedFor(() => tell(appeared(4, 'eth1')))).toBe('eth1');
    expect(askedFor(() => undefined)).toBe('');
    delete indexes['eth2'];
    tell(gone(2));
    void engine.wait(sources, 500);
    expect([waits, sources.map(({ isReady }) => isReady)]).toEqual([[0], [false, true]]);
    expect(askedFor(() => undefined)).toBe('eth2');
    expect(sources.map(({ isEnding }) => isEnding)).toEqual([false, true]);
  });

  test('refuses what is absent or down without asking libpcap for a capture', () => {
    const openLive = () => {
      throw new Error('opening takes long');
    };
    const absent = createLibpcapEngine(fakeAddon({ openLive, interfaceIndex: () => 0 }));
    expect(errorOf(() => absent.open(OPTIONS)).message).toContain('the interfaces here are eth0, lo.');
    const down = createLibpcapEngine(fakeAddon({ openLive, isInterfaceUp: () => false }));
    expect(errorOf(() => down.open(OPTIONS)).message).toContain('ip link set eth9 up');
  });

  test('tells that a capture is closed when the kernel has let go of it', () => {
    const closing = new Set<CaptureHandle>();
    const told: string[] = [];
    const engine = createLibpcapEngine(
      fakeAddon({ wait: () => 0, close: (handle) => closing.add(handle), isClosing: (handle) => closing.has(handle) }),
    );
    const sources = ['eth1', 'eth2'].map((interfaceName) =>
      engine.open({ ...OPTIONS, interfaceName, onClosed: () => told.push(interfaceName) }),
    );
    for (const source of [...sources, ...sources]) source.close();
    void engine.wait([], 500);
    expect(told).toEqual([]);
    const [, second] = closing;
    closing.delete(second!);
    void engine.wait([], 500);
    expect(told).toEqual(['eth2']);
    closing.clear();
    void engine.wait([], 500);
    expect(told).toEqual(['eth2', 'eth1']);
  });

  test('ends a busy capture whose name is lost within a bounded number of reads', () => {
    let index = 7;
    const engine = createLibpcapEngine(fakeAddon({ interfaceIndex: () => index, readBatch: () => 1 }));
    const source = engine.open(OPTIONS);
    const batch = createPacketBatch(1 << 20);
    index = 0;
    let reads = 0;
    while (reads < 1000 && source.read(batch) === READ.packets) reads++;
    expect(source.failure?.code).toBe('capture.gone');
    expect(reads).toBeLessThan(100);
  });

  test('asks for the second cooked format on any, and does not mind that it has no index', () => {
    const asked: number[] = [];
    const openLive: CaptureAddon['openLive'] = ({ dataLink }) => {
      asked.push(dataLink);
      return {} as CaptureHandle;
    };
    const interfaceIndex = (name: string) => (name === 'any' ? 0 : 7);
    const engine = createLibpcapEngine(fakeAddon({ openLive, interfaceIndex }));
    const source = engine.open({ ...OPTIONS, interfaceName: 'any' });
    engine.open(OPTIONS);
    expect(asked).toEqual([276, -1]);
    expect(source.read(createPacketBatch(1 << 20))).toBe(READ.idle);
  });
});
