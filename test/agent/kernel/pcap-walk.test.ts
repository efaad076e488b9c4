/** The kernel's walk through a pcap file against the one in TypeScript: the same records and the same place, whatever the bytes. */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { PcapFormat, type PcapHeader } from '../../../agent/capture/pcap.ts';
import type { SavefileInput } from '../../../agent/capture/savefile-input.ts';
import type { PacketBatch } from '../../../agent/model/packet-batch.ts';
import { RECORD_HEADER_BYTES } from '../../../agent/model/packet-batch-layout.ts';
import type { WalkPcap } from '../../../agent/model/pcap-walk.ts';
import { kernelForTests } from '../../support/kernel.ts';

const kernel = kernelForTests();
const PIECE_BYTES = 1 << 20;
const piece = kernel.take(PIECE_BYTES)!;
const records = kernel.take(1 << 16)!;
afterAll(() => {
  for (const place of [piece, records]) kernel.giveBack(place.fill(0));
});

/** A header and as many bytes as it claims, or fewer, or more than a frame can have. */
const packet = fc.record({
  seconds: fc.integer({ min: 0, max: 0xffff_ffff }),
  fraction: fc.oneof(fc.nat(999_999), fc.integer({ min: 0, max: 0xffff_ffff })),
  captured: fc.oneof(
    { weight: 12, arbitrary: fc.nat(200) },
    { weight: 1, arbitrary: fc.constantFrom(0, 262_144, 262_145, 0xffff_ffff) },
  ),
  wire: fc.oneof(fc.nat(1600), fc.constantFrom(0, 0xffff_ffff)),
});
type Packet = typeof packet extends fc.Arbitrary<infer Each> ? Each : never;

const header: fc.Arbitrary<PcapHeader> = fc.record({
  headerBytes: fc.constantFrom(16, 24),
  littleEndian: fc.boolean(),
  nanosecondsPerUnit: fc.constantFrom(1, 1000),
  snapBytes: fc.constantFrom(1, 60, 262_144),
  linkType: fc.constantFrom(1, 239),
  lengthOrder: fc.constantFrom('captured first', 'captured first', 'captured second', 'smaller is captured'),
});

function bytesOf(packets: readonly Packet[], { headerBytes, littleEndian }: PcapHeader, cut: number): Uint8Array {
  const bodies = packets.map(({ captured }) => Math.min(captured, 4000));
  const bytes = new Uint8Array(bodies.reduce((sum, body) => sum + headerBytes + body, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [index, { seconds, fraction, captured, wire }] of packets.entries()) {
    for (const [word, value] of [seconds, fraction, captured, wire].entries()) {
      view.setUint32(at + 4 * word, value, littleEndian);
    }
    bytes.fill(index, at + headerBytes, at + headerBytes + bodies[index]!);
    at += headerBytes + bodies[index]!;
  }
  return bytes.subarray(0, Math.max(0, bytes.length - cut));
}

interface Walked {
  readonly records: readonly string[];
  readonly starts: readonly number[];
  readonly damage: string | undefined;
}

/** All that is handed over in batches of so many records, until there is no more. */
function walked(bytes: Uint8Array, header: PcapHeader, recordsMax: number, walk: WalkPcap | undefined): Walked {
  piece.fill(0, 0, bytes.length + 7);
  piece.set(bytes, 7);
  const view = new DataView(piece.buffer, piece.byteOffset, PIECE_BYTES);
  const input = { view, start: 7, end: 7 + bytes.length } as SavefileInput;
  const format = new PcapFormat(input, header, walk);
  const room = recordsMax * RECORD_HEADER_BYTES;
  const batch: PacketBatch = { view: new DataView(records.buffer, records.byteOffset, room), count: 0 };
  const found: string[] = [];
  const starts: number[] = [];
  do {
    batch.count = 0;
    records.fill(0);
    format.handOver(batch);
    found.push(Buffer.from(records.slice(0, batch.count * RECORD_HEADER_BYTES)).toString('hex'));
    starts.push(input.start);
  } while (batch.count > 0);
  return { records: found, starts, damage: format.damage };
}

describe('packets of a pcap file', () => {
  test('are those that TypeScript finds, with any header, any damage and any room', () => {
    const runs = fc.tuple(
      fc.array(packet, { maxLength: 60, size: 'max' }),
      header,
      fc.nat(30),
      fc.integer({ min: 1, max: 40 }),
    );
    fc.assert(
      fc.property(runs, ([packets, header, cut, recordsMax]) => {
        const bytes = bytesOf(packets, header, cut);
        const expected = walked(bytes, header, recordsMax, undefined);
        expect(walked(bytes, header, recordsMax, kernel.walkPcap)).toEqual(expected);
      }),
      { numRuns: 400 },
    );
  });

  test('are walked by the kernel where it has the memory of both, and left to TypeScript where it has not', () => {
    const plain: PcapHeader = {
      ...{ headerBytes: 16, littleEndian: true, nanosecondsPerUnit: 1000, snapBytes: 100 },
      ...{ linkType: 1, lengthOrder: 'captured first' },
    };
    const bytes = bytesOf([{ seconds: 1, fraction: 2, captured: 3, wire: 4 }], plain, 0);
    piece.set(bytes);
    const own = { view: new DataView(piece.buffer, piece.byteOffset, PIECE_BYTES), start: 0, end: bytes.length };
    const batch = { view: new DataView(records.buffer, records.byteOffset, 1024), count: 0 };
    kernel.walkPcap(plain, own, batch);
    expect([batch.count, own.start]).toEqual([1, 19]);
    const heap = { view: new DataView(bytes.slice().buffer), start: 0, end: bytes.length };
    const other = { view: new DataView(new ArrayBuffer(1024)), count: 0 };
    kernel.walkPcap(plain, heap, { ...batch, count: 0 });
    kernel.walkPcap(plain, { ...own, start: 0 }, other);
    expect([heap.start, other.count]).toEqual([0, 0]);
  });
});
