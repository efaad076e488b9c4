/** Frames that are several packets on the wire, in the windows of a flow log that counts those, and in those of one that does not. */
import { describe, expect, test } from 'vitest';
import type { Kernel } from '../../../agent/kernel/kernel.ts';
import { Meter, type MeterOptions } from '../../../agent/meter/meter.ts';
import { privateTableMemory } from '../../../agent/meter/table-memory.ts';
import type { PacketBatch } from '../../../agent/model/packet-batch.ts';
import { captureAddonIfBuilt } from '../../../agent/native/addon.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { decoderFor } from '../../../agent/packet/link-type.ts';
import { kernelForTests, withBatchIn } from '../../support/kernel.ts';
import { type ClosedCopy, copyOf, meterOptions } from '../../support/metering.ts';
import { type BatchPacket, batchOf } from '../../support/packet-batch.ts';
import { ethernet, ipv4, PROTOCOL, tcp } from '../../support/packet-builder.ts';

/** Ethernet, IPv4 and TCP without options. */
const HEADERS = 14 + 20 + 20;
const SEGMENT = 1460;

/** A frame of which only headers were captured. */
function frame(payload: number, segmentBytes: number, destinationPort = 443): BatchPacket {
  const segment = tcp({ sourcePort: 40_000, destinationPort }, new Uint8Array(payload));
  const bytes = ethernet({}, ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.tcp }, segment));
  const segmentation = segmentBytes === 0 ? 0 : (segmentBytes << 16) | HEADERS;
  return { seconds: 600, bytes: bytes.subarray(0, HEADERS), wireLength: bytes.length, segmentation };
}

const kernel = kernelForTests();

function metered(packets: readonly BatchPacket[], options: Partial<MeterOptions>, used?: Kernel): ClosedCopy {
  const closed: ClosedCopy[] = [];
  const meter = new Meter({
    ...meterOptions(),
    windowSeconds: 60,
    ...(used === undefined ? {} : { kernel: used, allocate: privateTableMemory(captureAddonIfBuilt(), used) }),
    ...options,
    onClosed: (window) => {
      closed.push(copyOf(window));
      window.release();
    },
  });
  const add = (batch: PacketBatch) => meter.add(batch, decoderFor(1)!);
  if (used === undefined) add(batchOf(packets));
  else withBatchIn(used, batchOf(packets), add);
  meter.closeAll();
  return closed[0]!;
}

const furtherOf = ({ records }: ClosedCopy) =>
  records.map(({ packets, bytes, furtherPackets, furtherBytes }) => [packets, bytes, furtherPackets, furtherBytes]);
const sumsOf = ({ records }: ClosedCopy) => records.map(({ packets, bytes }) => [packets, bytes]);

describe.each([
  ['TypeScript', undefined],
  ['the kernel', kernel],
] as const)('frames that stand for several packets, in %s', (_, used) => {
  const wire = (packets: readonly BatchPacket[], options: Partial<MeterOptions> = {}) =>
    metered(packets, { countsWire: true, ...options }, used);

  test('count as those packets in record and ledger', () => {
    const window = wire([frame(10 * SEGMENT, SEGMENT), frame(100, 0), frame(SEGMENT + 1, SEGMENT)]);
    const bytes = 10 * SEGMENT + 100 + SEGMENT + 1 + 13 * 40;
    expect(sumsOf(window)).toEqual([[13, bytes]]);
    expect(window.ledger.metered).toEqual({ packets: 13, bytes });
  });

  test('count as one packet where nobody asks for the wire', () => {
    const window = metered([frame(10 * SEGMENT, SEGMENT), frame(100, 0)], {}, used);
    expect(sumsOf(window)).toEqual([[2, 10 * SEGMENT + 100 + 2 * 40]]);
  });

  test('leave nothing behind for the frames of others', () => {
    wire(Array.from({ length: 100 }, () => frame(10 * SEGMENT, SEGMENT)));
    expect(sumsOf(metered([frame(1, 0), frame(2, 0)], {}, used))).toEqual([[2, 83]]);
    // The second frame takes the row of the first, which is excluded.
    const window = wire([frame(10 * SEGMENT, SEGMENT, 1688), frame(2, 0)]);
    expect(sumsOf(window)).toEqual([[1, 42]]);
  });

  test('count as those packets where a rule excludes them', () => {
    const exclusion = new Exclusion(EXCLUDE_DEFAULTS);
    const { ledger } = wire([frame(3 * SEGMENT, SEGMENT, 1688)], { exclusion });
    const excluded = { packets: 3, bytes: 3 * (SEGMENT + 40) };
    expect(ledger.excluded['windows-activation']).toEqual(excluded);
    expect(ledger.excludedPeers['windows-activation']?.peers).toMatchObject([excluded]);
  });

  test('count as those packets where their flow has no room', () => {
    const flows = Array.from({ length: 200 }, (_, flow) => frame(2 * SEGMENT, SEGMENT, 1000 + flow));
    const window = wire(flows, { flowsMax: 1 });
    const [packets, bytes] = [400, 400 * (SEGMENT + 40)];
    expect(sumsOf(window).reduce(([p, b], [packets, bytes]) => [p! + packets!, b! + bytes!], [0, 0])).toEqual([
      packets,
      bytes,
    ]);
    expect(window.ledger.metered).toEqual({ packets, bytes });
    expect(window.ledger.coarsened.packets).toBe(398);
  });

  test('are lost as those packets when a counter would wrap', () => {
    const many = { ...frame(SEGMENT, 0), wireLength: 0xffff_0000, segmentation: (1 << 16) | HEADERS };
    many.bytes.fill(0, 16, 18);
    const { ledger, records } = wire([many, many, frame(1, 0), many]);
    expect(records.map(({ packets }) => packets)).toEqual([0xffff_ffff]);
    expect(ledger.overflowed.packets).toBe(0x7fff_ffff);
  });

  test('are noted beside what they are here where a flow log shows both', () => {
    const notes = (packets: readonly BatchPacket[], options: Partial<MeterOptions> = {}) =>
      metered(packets, { notesWire: true, ...options }, used);
    const window = notes([frame(10 * SEGMENT, SEGMENT), frame(100, 0), frame(SEGMENT + 1, SEGMENT)]);
    const bytes = 10 * SEGMENT + 100 + SEGMENT + 1 + 3 * 40;
    expect(furtherOf(window)).toEqual([[3, bytes, 10, 10 * 40]]);
    expect(window.ledger.metered).toEqual({ packets: 3, bytes });
    // The second frame takes the row of the first, which is excluded.
    const excluded = notes([frame(3 * SEGMENT, SEGMENT, 1688), frame(2, 0)]);
    expect(furtherOf(excluded)).toEqual([[1, 42, 0, 0]]);
    expect(excluded.ledger.excluded['windows-activation']).toEqual({ packets: 1, bytes: 3 * SEGMENT + 40 });
    const flows = Array.from({ length: 2000 }, (_, flow) => frame(2 * SEGMENT, SEGMENT, 2000 + flow));
    expect(new Set(furtherOf(notes(flows)).map(String))).toEqual(new Set([`1,${2 * SEGMENT + 40},1,40`]));
  });

  test('are those of the host again in a meter that does not ask, and of a file nobody knows', () => {
    metered([frame(10 * SEGMENT, SEGMENT)], { notesWire: true }, used);
    expect(furtherOf(metered([frame(5 * SEGMENT, SEGMENT)], {}, used))).toEqual([[1, 5 * SEGMENT + 40, 0, 0]]);
  });
});
