import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createPcapParserEngine } from '../../../../agent/capture/pcap-parser/pcap-parser.ts';
import { createSavefileEngine } from '../../../../agent/capture/savefile/savefile.ts';
import { FRAME_BYTES_MAX } from '../../../../agent/model/packet-batch.ts';
import type { SavefileEngine } from '../../../../agent/model/packet-source.ts';
import {
  PCAP_MAGIC,
  type PcapOptions,
  pcapFile,
  pcapHeader,
  pcapngFile,
  pcapRecord,
} from '../../../support/capture-file.ts';
import { nflogRecord } from '../../../support/nflog-record.ts';
import { arp, concat, ethernet, ipv4, LINK_TYPE, PROTOCOL, udp } from '../../../support/packet-builder.ts';
import { CaptureFolder, packetLines, readSavefile } from '../../../support/read-source.ts';

const parser = createPcapParserEngine();
const savefile = createSavefileEngine();
const folder = new CaptureFolder();
afterAll(() => folder.remove());

const ADDRESSES = { source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.udp };
const UDP = ethernet({}, ipv4(ADDRESSES, udp({ sourcePort: 1, destinationPort: 2 })));

/** What an engine says of a file: its link type, its packets, and the sentence with which it ends. */
async function accountOf(engine: SavefileEngine, path: string) {
  const { linkType, packets, failure } = await readSavefile(engine, path);
  return { linkType, packets: packetLines(packets), end: failure?.message };
}

async function expectSame(file: Uint8Array): Promise<void> {
  const path = folder.write(file);
  expect(await accountOf(parser, path)).toEqual(await accountOf(savefile, path));
}

function refusal(file: Uint8Array, filter = '') {
  return expect(parser.open({ path: folder.write(file), filter })).rejects;
}

const PACKET = fc.record({
  bytes: fc
    .oneof({ weight: 9, arbitrary: fc.nat(200) }, fc.constantFrom(FRAME_BYTES_MAX, FRAME_BYTES_MAX - 1))
    .map((length) => new Uint8Array(length).fill(length)),
  seconds: fc.nat(0xffff_ffff),
  nanoseconds: fc.nat(0xffff_ffff).map((microseconds) => microseconds * 1000),
  wireLength: fc.nat(0xffff_ffff),
});
const OPTIONS: fc.Arbitrary<PcapOptions> = fc.record({
  bigEndian: fc.boolean(),
  linkType: fc.constantFrom(LINK_TYPE.ethernet, LINK_TYPE.raw, 0xf400_0001),
  snapshot: fc.constantFrom(0, 1, 96, 65_535, FRAME_BYTES_MAX, 0x7fff_ffff, 0xffff_ffff),
});

describe('the package pcap-parser gives the account of our own reader', () => {
  test('of any packets, in files cut anywhere', async () => {
    const property = fc.asyncProperty(
      fc.array(PACKET, { maxLength: 12 }),
      OPTIONS,
      fc.nat(),
      async (packets, options, at) => {
        const file = pcapFile(packets, options);
        await expectSame(file);
        await expectSame(file.subarray(0, 24 + (at % (file.length - 23))));
      },
    );
    await fc.assert(property, { numRuns: 40 });
  });

  test('of a packet that claims more than any can have, and of those before it', async () => {
    const header = pcapHeader({});
    const absurd = pcapRecord({ bytes: UDP }, {});
    new DataView(absurd.buffer).setUint32(8, FRAME_BYTES_MAX + 1, true);
    await expectSame(concat(header, pcapRecord({ bytes: UDP }, {}), pcapRecord({ bytes: arp() }, {}), absurd));
    await expectSame(concat(header, absurd));
  });

  test.each([false, true])('of what the packet filter logged, big endian: %s', async (bigEndian) => {
    const bytes = nflogRecord({ prefix: 'odd', indexIn: 3, bigEndian }, UDP);
    await expectSame(pcapFile([{ bytes }, { bytes }], { bigEndian, linkType: 239 }));
  });
});

describe('the engine pcap-parser refuses', () => {
  test.each([
    ['nanoseconds', pcapFile([], { magic: PCAP_MAGIC.nanoseconds })],
    ['the modified format', pcapFile([], { magic: PCAP_MAGIC.modified })],
    ['version 2.3', pcapFile([], { version: [2, 3] })],
    ['pcapng', pcapngFile([{ bytes: UDP }])],
    ['no capture', new TextEncoder().encode('nothing that could be read as a capture')],
    ['a cut header', pcapFile([]).subarray(0, 20)],
    ['an empty file', new Uint8Array(0)],
  ])('%s, and names the engine that reads every kind', async (_, file) => {
    await refusal(file).toMatchObject({
      code: 'savefile.format',
      message: expect.stringMatching(
        /^Reading .* failed, it.*\. The engine pcap-parser reads .*: use --engine savefile\.$/,
      ),
    });
  });

  test('a filter', async () => {
    await refusal(pcapFile([]), 'udp').toMatchObject({ code: 'capture.filter' });
  });

  test('a file that is not there, as the system says', async () => {
    const opening = parser.open({ path: '/nowhere/x.pcap', filter: '' });
    await expect(opening).rejects.toMatchObject({ code: 'savefile.unreadable' });
  });
});
