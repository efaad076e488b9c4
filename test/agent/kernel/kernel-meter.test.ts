/** The kernel against the meter in TypeScript: the same windows, ledgers and slots, whatever comes. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { IPV4_STATE, IPV4_WORDS, IPV6_STATE, IPV6_WORDS } from '../../../agent/flow/slot-layout.ts';
import type { Window } from '../../../agent/flow/window.ts';
import { Meter, type MeterOptions } from '../../../agent/meter/meter.ts';
import { privateTableMemory } from '../../../agent/meter/table-memory.ts';
import type { Ledger } from '../../../agent/model/ledger.ts';
import type { PacketBatch } from '../../../agent/model/packet-batch.ts';
import { FRAME, RECORD_HEADER_BYTES } from '../../../agent/model/packet-batch-layout.ts';
import { type AllocateTableMemory, heapMemory } from '../../../agent/model/table-memory.ts';
import { captureAddonIfBuilt } from '../../../agent/native/addon.ts';
import { parseNetwork } from '../../../agent/packet/address.ts';
import { EXCLUDE_DEFAULTS, EXCLUDE_NOTHING, Exclusion, type ExclusionPolicy } from '../../../agent/packet/exclusion.ts';
import { decoderFor } from '../../../agent/packet/link-type.ts';
import { arbitraryFrame, loggedFrame, randomFrame } from '../../support/arbitrary-frame.ts';
import { kernelForTests, withBatchIn } from '../../support/kernel.ts';
import { meterOptions } from '../../support/metering.ts';
import { type BatchPacket, batchOf } from '../../support/packet-batch.ts';
import { concat, ethernet, ipv4, ipv6, tcp, udp } from '../../support/packet-builder.ts';

const kernel = kernelForTests();
const networks = ['10.0.0.0/8', '::/1', '128.0.0.0/1'].map((text) => parseNetwork(text)!);

/** All that a window says, and how its slots lie. */
interface Closed {
  readonly start: number;
  readonly revision: number;
  readonly ledger: Ledger;
  /** As text, which is compared at once. */
  readonly slots: readonly { readonly family: 4 | 6; readonly words: string; readonly further: string }[];
}

function closedOf(window: Window): Closed {
  const text = (array: Int32Array | Float64Array = new Int32Array(0)) =>
    Buffer.from(array.slice().buffer).toString('latin1');
  const slots = window.slots.map(({ family, words, further }) => {
    return { family, words: text(words), further: text(further) };
  });
  return { start: window.start, revision: window.revision, ledger: structuredClone(window.ledger), slots };
}

interface Traffic {
  readonly linkType: number;
  readonly packets: readonly BatchPacket[];
  /** Whether frames stand apart from their records, as a reader of files leaves them. */
  readonly isFile: boolean;
}

function createBatch({ packets, isFile }: Traffic): PacketBatch {
  if (!isFile) return batchOf(packets);
  const headers = packets.map((packet) => ({
    ...packet,
    bytes: new Uint8Array(0),
    wireLength: packet.wireLength ?? 0,
  }));
  const { view, count } = batchOf(headers);
  let at = 3;
  for (const [index, { bytes }] of packets.entries()) {
    view.setUint32(index * RECORD_HEADER_BYTES + 12, bytes.length, true);
    view.setUint32(index * RECORD_HEADER_BYTES + FRAME, at, true);
    at += bytes.length;
  }
  const frames = concat(new Uint8Array(3), ...packets.map(({ bytes }) => bytes), new Uint8Array(1));
  return { view, frames: new DataView(frames.buffer, frames.byteOffset, frames.length), count };
}

type Options = Partial<MeterOptions> & {
  readonly allocations?: number;
  /** Between two batches. */
  readonly change?: (window: Window) => void;
};

/** What a meter makes of the batches, one after the other. */
function meterAll(traffic: readonly Traffic[], options: Options, inKernel: boolean) {
  const closed: Closed[] = [];
  const answers: number[] = [];
  let allocations = options.allocations ?? Number.POSITIVE_INFINITY;
  const memory: AllocateTableMemory = inKernel ? privateTableMemory(captureAddonIfBuilt(), kernel) : heapMemory;
  const meter = new Meter({
    ...meterOptions(),
    windowSeconds: 60,
    ...options,
    kernel: inKernel ? kernel : undefined,
    allocate: (bytes) => (allocations-- > 0 ? memory(bytes) : undefined),
    onClosed: (window) => {
      closed.push(closedOf(window));
      window.release();
    },
  });
  for (const each of traffic) {
    const add = (batch: PacketBatch) => meter.add(batch, decoderFor(each.linkType)!);
    const batch = createBatch(each);
    answers.push(inKernel ? withBatchIn(kernel, batch, add) : add(batch));
    if (meter.currentWindow !== undefined) options.change?.(meter.currentWindow);
  }
  meter.closeAll();
  return { closed, answers };
}

function expectTheSame(traffic: readonly Traffic[], options: Options = {}): readonly Closed[] {
  const { hashSeed } = meterOptions();
  const expected = meterAll(traffic, { hashSeed, ...options }, false);
  expect(meterAll(traffic, { hashSeed, ...options }, true)).toEqual(expected);
  return expected.closed;
}

/** Runs of packets in one window, and now and then one from anywhere, where numbers have no room for a second. */
const time = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 600, max: 659 }) },
  { weight: 2, arbitrary: fc.integer({ min: -90, max: 900 }) },
  {
    weight: 1,
    arbitrary: fc.double({ min: 1e18, max: 1e21, noNaN: true }).map(Math.floor),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(2 ** 32, 2 ** 53, -(2 ** 53), 2 ** 62, 2 ** 63, 1.7e18, 3e24, 1e300, -1e300),
  },
);
const nanoseconds = fc.oneof(fc.constantFrom(0, 999, 1000, 999_999_999, 0xffff_ffff), fc.nat(999_999_999));

/** Mostly none; else any, and such as fit the frames that there are. */
const segmentation = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff_ffff }) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 30 }), fc.constantFrom(0, 0x8000), fc.integer({ min: 20, max: 120 }))
      .map(([segmentBytes, jumbo, headers]) => ((segmentBytes << 16) | jumbo | headers) >>> 0),
  },
);

/** Frames of several link types, each in a batch of its own. */
function trafficOf(frame: typeof arbitraryFrame): fc.Arbitrary<Traffic[]> {
  const timed = fc.tuple(frame, time, nanoseconds, segmentation);
  return fc.tuple(fc.array(timed, { maxLength: 100, size: 'max' }), fc.boolean()).map(([frames, isFile]) => {
    const batches = new Map<number, BatchPacket[]>();
    for (const [{ linkType, bytes, capturedLength, wireLength }, seconds, nanoseconds, segmentation] of frames) {
      const packets = batches.get(linkType) ?? [];
      batches.set(linkType, packets);
      packets.push({ seconds, nanoseconds, bytes: bytes.subarray(0, capturedLength), wireLength, segmentation });
    }
    return [...batches].map(([linkType, packets]) => ({ linkType, packets, isFile }));
  });
}

const rule = fc.record({
  name: fc.constantFrom('first', 'second'),
  protocol: fc.constantFrom(undefined, 1, 6, 17),
  networks: fc.subarray(networks),
  ports: fc.constantFrom([], [[1, 1000] as const], [[1688, 1688] as const, [40_000, 65_535] as const]),
});
const policy: fc.Arbitrary<ExclusionPolicy> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(EXCLUDE_DEFAULTS) },
  { weight: 1, arbitrary: fc.constant(EXCLUDE_NOTHING) },
  { weight: 1, arbitrary: fc.constant({ ...EXCLUDE_DEFAULTS, kmsServers: networks }) },
  {
    weight: 2,
    arbitrary: fc
      .uniqueArray(rule, { minLength: 1, maxLength: 2, selector: ({ name }) => name })
      .map((rules) => ({ ...EXCLUDE_DEFAULTS, rules })),
  },
);
const bounds = fc.record({
  exclusion: policy.map((each) => new Exclusion(each)),
  keysIcmp: fc.boolean(),
  countsWire: fc.boolean(),
  notesWire: fc.boolean(),
  windowSeconds: fc.constantFrom(1, 60, 600),
  windowsMax: fc.constantFrom(1, 2, 1000),
  flowsMax: fc.constantFrom(1, 10, 1_000_000),
  allocations: fc.constantFrom(0, 1, 3, Number.POSITIVE_INFINITY),
});
/** Where packets are those on the wire, there is nothing beside them. */
const options: fc.Arbitrary<Options> = bounds.map((each) => ({
  ...each,
  notesWire: each.notesWire && !each.countsWire,
}));

/** Flows by their number; of each family the same keys. */
function flow(number: number): Uint8Array {
  const family = number & 1;
  const protocol = number % 5 === 0 ? 6 : 17;
  const address = `${number >> 9}.${(number >> 1) & 255}`;
  if (family === 0) {
    const ports = udp({ sourcePort: 40_000 + (number & 1023), destinationPort: number % 3 === 0 ? 53 : 1688 });
    return ethernet({}, ipv4({ source: `10.0.${address}`, destination: '10.1.0.1', protocol }, ports));
  }
  const ports = tcp({ sourcePort: 40_000, destinationPort: 443, flags: 1 << (number & 7) });
  const source = `2001:db8::${(number >> 2).toString(16)}`;
  return ethernet({}, ipv6({ source, destination: '2001:db8::ffff', nextHeader: number & 2 ? protocol : 6 }, ports));
}

function trafficOfFlows(numbers: readonly number[], wireLength?: number): Traffic {
  const packets = numbers.map((number, index) => ({
    seconds: 600 + (index % 60),
    nanoseconds: index * 1000,
    bytes: flow(number),
    segmentation: number % 7 === 0 ? (4 << 16) | 42 : 0,
    ...(wireLength !== undefined && { wireLength }),
  }));
  return { linkType: 1, packets, isFile: false };
}

describe('the kernel and the meter in TypeScript', () => {
  afterEach(() => {
    // All that was taken was given back.
    const half = kernel.take(kernel.buffer.byteLength / 2);
    expect(half).toBeDefined();
    kernel.giveBack(half!);
  });

  it.each([
    ['frames with structure', arbitraryFrame],
    ['bytes without any', randomFrame],
    ['what a packet filter logged', loggedFrame],
  ])('say the same of %s, under any policy and within any bounds', (_, frame) => {
    fc.assert(
      fc.property(trafficOf(frame), options, (traffic, options) => {
        expectTheSame(traffic, options);
      }),
      { numRuns: 150 },
    );
  });

  it('lay the same slots through growth, at the cap and where memory ends', () => {
    const numbers = fc.array(fc.nat(4000), { maxLength: 6000, size: 'max' });
    // Without any randomness all keys of a family meet in one cluster.
    const { hashSeed } = meterOptions();
    const limits = fc.record({
      hashSeed: fc.constantFrom(hashSeed, new Int32Array(hashSeed.length)),
      flowsMax: fc.constantFrom(1, 128, 700, 1_000_000),
      allocations: fc.constantFrom(1, 2, 4, 7, Number.POSITIVE_INFINITY),
      windowsMax: fc.constantFrom(1, 1000),
      tableBytesMax: fc.constantFrom(10_000, 1_000_000),
      notesWire: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(numbers, { maxLength: 3 }), limits, (runs, options) => {
        expectTheSame(
          runs.map((run) => trafficOfFlows(run)),
          options,
        );
      }),
      { numRuns: 25 },
    );
  });

  it('refuse the same packets when the bytes of a flow have no more room', () => {
    const jumbo = { linkType: 1, isFile: false, packets: [] as BatchPacket[] };
    const frame = (number: number) => flow(number).map((byte, at) => (at === 16 || at === 17 ? 0 : byte));
    for (let packet = 0; packet < 16_400; packet++) {
      const bytes = frame(packet % 100 === 0 ? 3 : 2);
      jumbo.packets.push({ seconds: 600, bytes, wireLength: 0xffff_ffff - (packet % 3) });
    }
    const [window] = expectTheSame([jumbo]);
    expect(window!.ledger.metered.packets).toBe(16_400);
    const more = { ...jumbo, packets: jumbo.packets.slice(1, 100) };
    const [overflowing] = expectTheSame([jumbo, jumbo, more, more]);
    expect(overflowing!.ledger.overflowed.packets).toBeGreaterThan(0);
  });

  it('tell lengths from types at the same number', () => {
    const snap = Uint8Array.of(0xaa, 0xaa, 3, 0, 0, 0, 8, 0);
    const packets = [0x05ff, 0x0600, 0x0601].map((etherType) => {
      return { seconds: 600, bytes: ethernet({ etherType }, concat(snap, flow(2).subarray(14))) };
    });
    const [window] = expectTheSame([{ linkType: 1, packets, isFile: false }]);
    expect([window!.ledger.metered.packets, window!.ledger.notIp.packets]).toEqual([1, 2]);
  });

  it('carry, and refuse to wrap, at the same packet', () => {
    const run = trafficOfFlows(Array.from({ length: 64 }, (_, number) => number));
    const counters = fc.record({
      packets: fc.constantFrom(-1, -2, 1),
      low: fc.constantFrom(0, -1, -29, 0x7fff_ffff, 1),
      high: fc.constantFrom(0, 0x3fff_0000, 0x3ffe_0000),
    });
    fc.assert(
      fc.property(fc.array(counters, { minLength: 1, maxLength: 8 }), (all) => {
        const change = (window: Window) => {
          for (const { family, words } of window.slots) setCounters(family, words, all);
        };
        expectTheSame([run, run, run], { change });
      }),
    );
  });
});

/** Gives the occupied slots these counters, one after the other. */
function setCounters(
  family: 4 | 6,
  words: Int32Array,
  counters: readonly { readonly packets: number; readonly low: number; readonly high: number }[],
): void {
  const slotWords = family === 4 ? IPV4_WORDS : IPV6_WORDS;
  let flows = 0;
  for (let state = family === 4 ? IPV4_STATE : IPV6_STATE; state < words.length; state += slotWords) {
    if (words[state] === 0) continue;
    const { packets, low, high } = counters[flows++ % counters.length]!;
    words[state] = (words[state]! & ~0x7fff_0000) | high;
    words[state + 1] = packets;
    words[state + 2] = low;
  }
}
