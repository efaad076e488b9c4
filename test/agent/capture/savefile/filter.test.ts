import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { createLibpcapSavefileEngine } from '../../../../agent/capture/libpcap/libpcap.ts';
import { createSavefileEngine } from '../../../../agent/capture/savefile/savefile.ts';
import { loadCaptureAddon } from '../../../../agent/native/addon.ts';
import { type CapturedPacket, PCAP_MAGIC, pcapFile, pcapngFile } from '../../../support/capture-file.ts';
import { arp, concat, ethernet, ipv4, ipv6, LINK_TYPE, PROTOCOL, tcp, udp } from '../../../support/packet-builder.ts';
import { CaptureFolder, packetLines, readSavefile } from '../../../support/read-source.ts';

const addon = loadCaptureAddon();
const savefile = createSavefileEngine();
const libpcap = createLibpcapSavefileEngine(addon);
const folder = new CaptureFolder();
afterAll(() => folder.remove());

const V4 = { source: '10.0.0.1', destination: '10.0.0.2' };
const IPV4_UDP = ipv4({ ...V4, protocol: PROTOCOL.udp }, udp({ sourcePort: 5353, destinationPort: 53 }));
const IPV4_TCP = ipv4({ ...V4, protocol: PROTOCOL.tcp }, tcp({ sourcePort: 3, destinationPort: 443 }));
const IPV6_UDP = ipv6(
  { source: 'fd00::1', destination: 'fd00::2', nextHeader: PROTOCOL.udp },
  udp({ sourcePort: 1, destinationPort: 2 }),
);
const ETHERNET = [ethernet({}, IPV4_UDP), ethernet({}, IPV4_TCP), ethernet({}, IPV6_UDP), arp()];
const packetsOf = (frames: readonly Uint8Array[]): CapturedPacket[] =>
  frames.flatMap((bytes, index) => [
    { bytes, seconds: index },
    { bytes, seconds: 100 + index, wireLength: 1500 },
  ]);
/** A loopback header is in the byte order of the machine that captured. */
const family = (value: number, bigEndian: boolean) =>
  bigEndian ? Uint8Array.of(0, 0, 0, value) : Uint8Array.of(value, 0, 0, 0);

async function lines(engine: typeof savefile, path: string, filter: string): Promise<string[]> {
  const { packets, failure } = await readSavefile(engine, path, filter);
  return [...packetLines(packets), failure?.code ?? 'whole'];
}

describe('a filter', () => {
  test.each(['udp', 'not udp', 'ip6', 'port 53 or arp', 'greater 1000', 'host 10.0.0.1 and tcp', 'ether proto 0x88cc'])(
    'accepts the packets that it accepts of libpcap: %s',
    async (filter) => {
      for (const magic of Object.values(PCAP_MAGIC)) {
        for (const bigEndian of [false, true]) {
          const bytes = pcapFile(packetsOf(ETHERNET), { magic, bigEndian, snapshot: 60 });
          const theirs = await lines(libpcap, folder.write(bytes), filter);
          expect(await lines(savefile, folder.write(bytes), filter)).toEqual(theirs);
          expect(await lines(savefile, folder.write(gzipSync(bytes)), filter)).toEqual(theirs);
          const cut = bytes.subarray(0, -70);
          expect(await lines(savefile, folder.write(cut), filter)).toEqual(
            await lines(libpcap, folder.write(cut), filter),
          );
        }
      }
      const bytes = pcapngFile(packetsOf(ETHERNET));
      expect(await lines(savefile, folder.write(bytes), filter)).toEqual(
        await lines(libpcap, folder.write(bytes), filter),
      );
    },
  );

  test.each([false, true])('knows the byte order of a loopback header, big endian: %s', async (bigEndian) => {
    const frames = [concat(family(2, bigEndian), IPV4_UDP), concat(family(30, bigEndian), IPV6_UDP)];
    const bytes = pcapFile(packetsOf(frames), { bigEndian, linkType: 0 });
    const theirs = await lines(libpcap, folder.write(bytes), 'ip and udp');
    expect(theirs).toHaveLength(3);
    expect(await lines(savefile, folder.write(bytes), 'ip and udp')).toEqual(theirs);
  });

  test('is compiled for each link type of a pcapng', async () => {
    const interfaces = [{}, { linkType: LINK_TYPE.raw, snapshot: 90 }];
    const packets = [ETHERNET[0]!, IPV4_TCP, ETHERNET[1]!, IPV4_UDP].map((bytes, index) => {
      return { bytes, interfaceIndex: index % 2, seconds: index };
    });
    const path = folder.write(pcapngFile(packets, { interfaces }));
    const read = await readSavefile(savefile, path, 'udp port 53');
    expect(read.failure).toBeUndefined();
    expect(read.packets.map(({ seconds }) => seconds)).toEqual([0, 3]);
    expect(read.linkTypes).toEqual([LINK_TYPE.ethernet, LINK_TYPE.raw]);
    const vlan = await readSavefile(savefile, path, 'not vlan');
    expect(vlan.packets).toHaveLength(1);
    expect(vlan.failure).toMatchObject({ code: 'capture.filter', message: expect.stringContaining('"not vlan"') });
  });

  test.each([
    ['pcap', pcapFile(packetsOf(ETHERNET))],
    ['pcapng', pcapngFile(packetsOf(ETHERNET))],
    ['pcap without packets', pcapFile([])],
  ])('that is none is refused for a %s', async (_kind, bytes) => {
    const path = folder.write(bytes);
    const refusal = { code: 'capture.filter', message: expect.stringMatching(/"tcp prot 80".*syntax error/) };
    const reading = readSavefile(savefile, path, 'tcp prot 80').then(({ failure }) => Promise.reject(failure));
    await expect(reading).rejects.toMatchObject(refusal);
  });
});

describe('the addon', () => {
  const header = pcapFile([]);

  test('looks at no record and no frame outside its buffers', () => {
    const filter = addon.openFilter(header, 'greater 0');
    const records = new DataView(new ArrayBuffer(48));
    records.setUint32(12, 10, true);
    records.setUint32(20, 95, true);
    expect(() => addon.filterBatch(filter, records, new DataView(new ArrayBuffer(100)), 2)).toThrow(RangeError);
    expect(() => addon.filterBatch(filter, records, new DataView(new ArrayBuffer(200)), 3)).toThrow(RangeError);
    expect(addon.filterBatch(filter, records, new DataView(new ArrayBuffer(105)), 2)).toBe(2);
    addon.close(filter);
    expect(() => addon.filterBatch(filter, records, records, 0)).toThrow(/no filter/);
    expect(() => addon.readBatch(filter, records, 1, 0)).toThrow(/closed/);
  });

  test('refuses what is no header, and what is no file', () => {
    expect(() => addon.openFilter(header.subarray(1), 'tcp')).toThrow(TypeError);
    expect(() => addon.openFilter(new Uint8Array(24), 'tcp')).toThrow(/unknown file format/);
    expect(() =>
      addon.filterBatch(
        addon.openFile(folder.write(header)),
        new DataView(new ArrayBuffer(0)),
        new DataView(new ArrayBuffer(0)),
        0,
      ),
    ).toThrow(/no filter/);
  });
});
