import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Meter, type MeterOptions } from '../../../agent/meter/meter.ts';
import { peersOf } from '../../../agent/model/excluded-peers.ts';
import type { FlowRecord } from '../../../agent/model/flow-record.ts';
import { addLedger, createLedger, type Ledger, offeredPackets } from '../../../agent/model/ledger.ts';
import { type AllocateTableMemory, heapMemory } from '../../../agent/model/table-memory.ts';
import { EXCLUDE_DEFAULTS, EXCLUDE_NOTHING, Exclusion } from '../../../agent/packet/exclusion.ts';
import { decoderFor } from '../../../agent/packet/link-type.ts';
import { type ClosedCopy, copyOf, meterOptions } from '../../support/metering.ts';
import { type BatchPacket, batchOf } from '../../support/packet-batch.ts';
import { arp, ethernet, ipv4, ipv6, tcp, udp } from '../../support/packet-builder.ts';
import { type DecodedPacket, decodeReference } from '../../support/reference-decoder.ts';

const decodeEthernet = decoderFor(1)!;
const WINDOW = 60;
const RULES = new Exclusion(EXCLUDE_DEFAULTS).ruleNames;

function meterInto(closed: ClosedCopy[], overrides: Partial<MeterOptions> = {}): Meter {
  return new Meter({
    ...meterOptions(),
    windowSeconds: WINDOW,
    ...overrides,
    onClosed: (window) => {
      closed.push(copyOf(window));
      window.release();
    },
  });
}

/** Everything that one meter closes over these batches, in the order of closing. */
function meterAll(batches: readonly (readonly BatchPacket[])[], overrides: Partial<MeterOptions> = {}): ClosedCopy[] {
  const closed: ClosedCopy[] = [];
  const meter = meterInto(closed, overrides);
  for (const batch of batches) meter.add(batchOf(batch), decodeEthernet);
  meter.closeAll();
  expect(meter.openWindows).toBe(0);
  return closed;
}

const UDP4 = (flow: number) =>
  ethernet(
    {},
    ipv4(
      { source: `10.0.${flow >> 8}.${flow & 255}`, destination: '10.1.0.1', protocol: 17 },
      udp({ sourcePort: 40_000, destinationPort: 53 }),
    ),
  );
const TCP6 = (flow: number) =>
  ethernet(
    {},
    ipv6(
      { source: `2001:db8::${flow.toString(16)}`, destination: '2001:db8::ffff', nextHeader: 6 },
      tcp({ sourcePort: 40_000, destinationPort: 443, flags: 1 << (flow & 7) }),
    ),
  );
const DHCP = ethernet(
  {},
  ipv4(
    { source: '0.0.0.0', destination: '255.255.255.255', protocol: 17 },
    udp({ sourcePort: 68, destinationPort: 67 }),
  ),
);
const DHCPV6 = ethernet(
  {},
  ipv6({ source: 'fe80::1', destination: 'ff02::1:2', nextHeader: 17 }, udp({ sourcePort: 546, destinationPort: 547 })),
);
const ACTIVATION = ethernet(
  {},
  ipv4(
    { source: '10.0.0.1', destination: '10.0.0.2', protocol: 6 },
    tcp({ sourcePort: 50_000, destinationPort: 1688 }),
  ),
);
const MALFORMED = ethernet({ etherType: 0x86dd }, new Uint8Array(20));

const at = (seconds: number, bytes: Uint8Array = UDP4(1), nanoseconds = 0): BatchPacket => ({
  seconds,
  nanoseconds,
  bytes,
});

const frameBytes = fc.oneof(
  { weight: 6, arbitrary: fc.nat(12).map(UDP4) },
  { weight: 6, arbitrary: fc.nat(12).map(TCP6) },
  { weight: 1, arbitrary: fc.constantFrom(DHCP, DHCPV6, ACTIVATION) },
  { weight: 1, arbitrary: fc.constant(arp()) },
  { weight: 1, arbitrary: fc.constant(MALFORMED) },
);
/** Runs of packets in one window, long enough for full groups, and now and then a packet from anywhere. */
const time = fc.oneof(
  { weight: 3, arbitrary: fc.constant(fc.integer({ min: 600, max: 659 })) },
  {
    weight: 1,
    arbitrary: fc.constant(fc.oneof(fc.integer({ min: 600, max: 719 }), fc.integer({ min: -90, max: 900 }))),
  },
);
const run = time.chain((seconds) =>
  fc.array(
    fc.record({
      seconds,
      nanoseconds: fc.oneof(fc.constantFrom(0, 999_999_999, 999, 1000), fc.nat(999_999_999)),
      bytes: frameBytes,
      wireLength: fc.integer({ min: 100, max: 2000 }),
    }),
    { maxLength: 400, size: 'max' },
  ),
);
const batches: fc.Arbitrary<BatchPacket[][]> = fc.array(run, { maxLength: 4 });

interface Expected {
  readonly flows: Map<string, { packets: number; bytes: number; tcpFlags: number; first: number; last: number }>;
  readonly ledger: Ledger;
}

/** The same, the plain way: by window start. */
function expectedOf(packets: readonly BatchPacket[]): Map<number, Expected> {
  const windows = new Map<number, Expected>();
  for (const { seconds, nanoseconds = 0, bytes, wireLength = bytes.length } of packets) {
    const start = Math.floor(seconds / WINDOW) * WINDOW;
    const window = windows.get(start) ?? { flows: new Map(), ledger: createLedger(RULES) };
    windows.set(start, window);
    const decoded = decodeReference({ bytes, capturedLength: bytes.length, wireLength, linkType: 1 });
    if ('refusal' in decoded) {
      const tally = decoded.refusal === 'not-ip' ? window.ledger.notIp : window.ledger.malformed;
      tally.packets += 1;
      tally.bytes += wireLength;
      continue;
    }
    const tally =
      decoded.excludedBy === undefined ? window.ledger.metered : window.ledger.excluded[decoded.excludedBy]!;
    tally.packets += 1;
    tally.bytes += decoded.bytes;
    if (decoded.excludedBy !== undefined) continue;
    const micros = Number((BigInt(seconds - start) * 1_000_000_000n + BigInt(nanoseconds)) / 1000n);
    const key = keyOf(decoded);
    const flow = window.flows.get(key) ?? { packets: 0, bytes: 0, tcpFlags: 0, first: micros, last: micros };
    window.flows.set(key, flow);
    flow.packets += 1;
    flow.bytes += decoded.bytes;
    flow.tcpFlags |= decoded.tcpFlags;
    flow.first = Math.min(flow.first, micros);
    flow.last = Math.max(flow.last, micros);
  }
  return windows;
}

function keyOf({ source, destination, sourcePort, destinationPort, protocol }: DecodedPacket): string {
  return [source, destination, sourcePort, destinationPort, protocol].join(' ');
}

function recordKey(record: FlowRecord): string {
  const quad = (word: number) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff).join('.');
  const groups = (...words: number[]) =>
    words.flatMap((word) => [word >>> 16, word & 0xffff].map((group) => group.toString(16).padStart(4, '0'))).join(':');
  const { source0, source1, source2, source3, destination0, destination1, destination2, destination3 } = record;
  const source = record.family === 4 ? quad(source0) : groups(source0, source1, source2, source3);
  const destination =
    record.family === 4 ? quad(destination0) : groups(destination0, destination1, destination2, destination3);
  return [source, destination, record.sourcePort, record.destinationPort, record.protocol].join(' ');
}

/** The parts of each window put together, as whoever reads them must. */
function merged(closed: readonly ClosedCopy[]): Map<number, Expected> {
  const windows = new Map<number, Expected>();
  for (const { start, ledger, records } of closed) {
    const window = windows.get(start) ?? { flows: new Map(), ledger: createLedger(RULES) };
    windows.set(start, window);
    for (const [rule, { packets }] of Object.entries(ledger.excluded)) {
      const peers = peersOf(ledger.excludedPeers, rule);
      expect(peers.reduce((sum, peer) => sum + peer.packets, 0)).toBe(packets);
    }
    addLedger(window.ledger, { ...ledger, excludedPeers: {} });
    for (const record of records) {
      const { packets, bytes, tcpFlags, firstMicroseconds: first, lastMicroseconds: last } = record;
      const key = recordKey(record);
      const flow = window.flows.get(key);
      window.flows.set(
        key,
        flow === undefined
          ? { packets, bytes, tcpFlags, first, last }
          : {
              packets: flow.packets + packets,
              bytes: flow.bytes + bytes,
              tcpFlags: flow.tcpFlags | tcpFlags,
              first: Math.min(flow.first, first),
              last: Math.max(flow.last, last),
            },
      );
    }
  }
  return windows;
}

const offered = (closed: readonly ClosedCopy[]) => closed.reduce((sum, { ledger }) => sum + offeredPackets(ledger), 0);

describe('a meter', () => {
  it('puts every packet into the record and the ledger of its own window, in whatever order they come', () => {
    fc.assert(
      fc.property(batches, (packets) => {
        const closed = meterAll(packets);
        const starts = closed.map(({ start }) => start);
        expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b));
        expect(merged(closed)).toEqual(expectedOf(packets.flat()));
      }),
      { numRuns: 60 },
    );
  });

  it('loses and invents nothing when windows are closed early by its bounds', () => {
    const bounds = fc.record({
      windowsMax: fc.integer({ min: 1, max: 4 }),
      tableBytesMax: fc.constantFrom(0, 5000, 20_000, 1_000_000),
    });
    fc.assert(
      fc.property(batches, bounds, (packets, { windowsMax, tableBytesMax }) => {
        expect(merged(meterAll(packets, { windowsMax, tableBytesMax }))).toEqual(expectedOf(packets.flat()));
      }),
      { numRuns: 60 },
    );
  });

  it('ends every packet in exactly one place of a ledger, also when its tables are full or cannot be had', () => {
    fc.assert(
      fc.property(batches, fc.integer({ min: 1, max: 8 }), fc.boolean(), (packets, flowsMax, starved) => {
        const allocate: AllocateTableMemory = (bytes) => (starved ? undefined : heapMemory(bytes));
        const closed = meterAll(packets, { flowsMax, allocate });
        expect(offered(closed)).toBe(packets.flat().length);
        for (const { ledger, records } of closed) {
          expect(records.reduce((sum, record) => sum + record.packets, 0)).toBe(ledger.metered.packets);
          expect(records.reduce((sum, record) => sum + record.bytes, 0)).toBe(ledger.metered.bytes);
          // Exact flows, and the room of a small table for coarsened ones, by family.
          expect(records.length).toBeLessThanOrEqual(2 * (flowsMax + 16));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('answers the bytes that the records of the batch take', () => {
    const meter = meterInto([]);
    const batch = batchOf([at(0), at(0, arp()), at(0, new Uint8Array(3))]);
    expect(meter.add(batch, decodeEthernet)).toBe(batch.view.byteLength);
    expect(meter.add({ view: batch.view, count: 0 }, decodeEthernet)).toBe(0);
  });
});

describe('the window of a packet', () => {
  it.each([1, 7, 10, 60, 300, 600])(
    'of %i seconds holds its first and its last nanosecond, and not the next',
    (windowSeconds) => {
      const start = Math.floor(1_700_000_000 / windowSeconds) * windowSeconds;
      const closed = meterAll(
        [
          [
            at(start),
            at(start + windowSeconds - 1, UDP4(1), 999_999_999),
            at(start + windowSeconds),
            at(start - 1, UDP4(1), 999_999_999),
          ],
        ],
        { windowSeconds },
      );
      expect(closed.map((window) => [window.start, window.ledger.metered.packets])).toEqual([
        [start - windowSeconds, 1],
        [start, 2],
        [start + windowSeconds, 1],
      ]);
      const record = closed[1]!.records[0]!;
      expect([record.firstMicroseconds, record.lastMicroseconds]).toEqual([0, windowSeconds * 1_000_000 - 1]);
    },
  );

  it('cuts nanoseconds to the microsecond they lie in', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 599 }), fc.nat(999_999_999), (seconds, nanoseconds) => {
        const [window] = meterAll([[at(seconds, UDP4(1), nanoseconds)]], { windowSeconds: 600 });
        expect(window!.records[0]!.firstMicroseconds).toBe(seconds * 1_000_000 + Math.floor(nanoseconds / 1000));
      }),
      { numRuns: 500 },
    );
  });

  it('before 1970 is aligned to the epoch as any other', () => {
    const closed = meterAll([[at(-1, UDP4(1), 999_999_999), at(-60), at(-61), at(0)]]);
    expect(closed.map((window) => [window.start, window.ledger.metered.packets])).toEqual([
      [-120, 1],
      [-60, 2],
      [0, 1],
    ]);
    expect(closed[1]!.records[0]).toMatchObject({ firstMicroseconds: 0, lastMicroseconds: 59_999_999 });
  });

  it('far outside of all calendars is a window too, and every one of them closes', () => {
    const times = [2 ** 32, 2 ** 53, -(2 ** 53), 2 ** 63, -(2 ** 63), 2 ** 64, 1e300, -1e300];
    const closed = meterAll([[...times, ...times].map((seconds) => at(seconds))]);
    expect(offered(closed)).toBe(2 * times.length);
  });
});

describe('windows that are open at once', () => {
  const starts = (closed: readonly ClosedCopy[]) => closed.map(({ start }) => start);

  it('take packets out of order: each goes to its own', () => {
    const closed = meterAll([
      [at(0), at(60), at(59), at(0), at(119), at(30)],
      [at(60), at(1)],
    ]);
    expect(closed.map((window) => [window.start, window.ledger.metered.packets])).toEqual([
      [0, 5],
      [60, 3],
    ]);
  });

  it('are closed by time alone when they ended, the oldest first', () => {
    const closed: ClosedCopy[] = [];
    const meter = meterInto(closed);
    meter.add(batchOf([at(120), at(0), at(60)]), decodeEthernet);
    meter.closeBefore(59);
    expect(starts(closed)).toEqual([]);
    meter.closeBefore(120);
    expect(starts(closed)).toEqual([0, 60]);
    expect(meter.openWindows).toBe(1);
    meter.closeBefore(120);
    expect(starts(closed)).toEqual([0, 60]);
    meter.closeAll();
    expect(starts(closed)).toEqual([0, 60, 120]);
  });

  it('are at most windowsMax: one more closes the one that was opened first, and a late packet opens it anew', () => {
    const closed: ClosedCopy[] = [];
    const meter = meterInto(closed, { windowsMax: 2 });
    meter.add(batchOf([at(60), at(0), at(61)]), decodeEthernet);
    expect(starts(closed)).toEqual([]);
    meter.add(batchOf([at(120)]), decodeEthernet);
    expect(starts(closed)).toEqual([60]);
    meter.add(batchOf([at(62)]), decodeEthernet);
    expect(starts(closed)).toEqual([60, 0]);
    meter.closeAll();
    expect(closed.map((window) => [window.start, window.ledger.metered.packets])).toEqual([
      [60, 2],
      [0, 1],
      [60, 1],
      [120, 1],
    ]);
  });

  it('are at most windowsMax also where no packet of theirs is metered', () => {
    const closed: ClosedCopy[] = [];
    const meter = meterInto(closed, { windowsMax: 2 });
    meter.add(batchOf([0, 60, 120, 180].map((seconds) => at(seconds, arp()))), decodeEthernet);
    expect(starts(closed)).toEqual([0, 60]);
    meter.open(240);
    expect(starts(closed)).toEqual([0, 60, 120]);
    expect(meter.openWindows).toBe(2);
  });

  it('take nothing in once they are closed: a late packet begins a further part', () => {
    const closed: ClosedCopy[] = [];
    const meter = meterInto(closed);
    meter.add(batchOf([at(0), at(1)]), decodeEthernet);
    meter.closeBefore(60);
    meter.add(batchOf([at(2)]), decodeEthernet);
    meter.closeAll();
    expect(closed.map((window) => [window.start, window.ledger.metered.packets])).toEqual([
      [0, 2],
      [0, 1],
    ]);
  });

  it('hold at most tableBytesMax together: one more closes the one that was opened first', () => {
    const closed: ClosedCopy[] = [];
    const meter = meterInto(closed, { tableBytesMax: 10_000 });
    for (const seconds of [0, 60, 120]) meter.add(batchOf([at(seconds)]), decodeEthernet);
    expect(starts(closed)).toEqual([0]);
    meter.add(batchOf([at(180)]), decodeEthernet);
    expect(starts(closed)).toEqual([0, 60]);
  });

  it('hold no more when it is their tables that grow and no further window is opened', () => {
    const closed: ClosedCopy[] = [];
    let held = 0;
    let heldMax = 0;
    const tableBytesMax = 256 * 1024;
    const allocate: AllocateTableMemory = (bytes) => {
      held += bytes;
      heldMax = Math.max(heldMax, held);
      const release = () => {
        held -= bytes;
      };
      return { ...heapMemory(bytes), release, discard: release };
    };
    const meter = meterInto(closed, { tableBytesMax, allocate });
    const seconds = Array.from({ length: 16 }, (_, index) => index * 60);
    meter.add(batchOf(seconds.map((each) => at(each))), decodeEthernet);
    for (let flow = 0; flow < 1200; flow++)
      meter.add(batchOf(seconds.map((each) => at(each, UDP4(flow)))), decodeEthernet);
    meter.closeAll();
    expect(offered(closed)).toBe(16 * 1201);
    expect(held).toBe(0);
    expect(heldMax).toBeLessThanOrEqual(tableBytesMax + 3 * 64 * 1024);
  });
});

describe('the ledger of a window', () => {
  it('counts what each rule removed, in packets and IP bytes', () => {
    const [window] = meterAll([[at(0, DHCP), at(1, DHCP), at(2, DHCPV6), at(3, ACTIVATION), at(4)]]);
    expect(window!.ledger.excluded).toEqual({
      dhcp: { packets: 2, bytes: 56 },
      dhcpv6: { packets: 1, bytes: 48 },
      'windows-activation': { packets: 1, bytes: 40 },
    });
    expect(window!.ledger.metered).toEqual({ packets: 1, bytes: 28 });
  });

  it('counts what was refused in bytes on the wire', () => {
    const [window] = meterAll([
      [
        { ...at(0, arp()), wireLength: 60 },
        { ...at(0, MALFORMED), wireLength: 1000 },
      ],
    ]);
    expect(window!.ledger.notIp).toEqual({ packets: 1, bytes: 60 });
    expect(window!.ledger.malformed).toEqual({ packets: 1, bytes: 1000 });
  });

  it('folds the packets of flows beyond flowsMax, by address family', () => {
    const packets = [1, 2, 3, 4].flatMap((flow) => [at(0, UDP4(flow)), at(0, TCP6(flow))]);
    const [window] = meterAll([packets], { flowsMax: 3 });
    expect(window!.records.length).toBe(8);
    expect(window!.ledger.metered.packets).toBe(8);
    expect(window!.ledger.coarsened).toEqual({ packets: 2, bytes: 28 + 60 });
    expect(window!.ledger.coarsenedKeys).toBe(2);
  });

  it('meters everything where nothing is excluded', () => {
    const [window] = meterAll([[at(0, DHCP), at(0, ACTIVATION)]], { exclusion: new Exclusion(EXCLUDE_NOTHING) });
    expect(window!.ledger.metered.packets).toBe(2);
    expect(window!.ledger.excluded).toEqual({});
  });
});

describe('the tables of a new window', () => {
  it('begin at the size that the window before needed', () => {
    const sizes: number[] = [];
    const allocate: AllocateTableMemory = (bytes) => {
      sizes.push(bytes);
      return heapMemory(bytes);
    };
    const meter = meterInto([], { allocate });
    meter.add(batchOf(Array.from({ length: 1000 }, (_, flow) => at(0, UDP4(flow)))), decodeEthernet);
    expect(sizes.length).toBeGreaterThan(1);
    const first = sizes.at(-1);
    sizes.length = 0;
    meter.add(batchOf(Array.from({ length: 5000 }, (_, flow) => at(60, UDP4(flow)))), decodeEthernet);
    const second = sizes.at(-1);
    expect(sizes[0]).toBe(first);
    expect(second).toBeGreaterThan(first!);
    meter.closeBefore(120);
    sizes.length = 0;
    meter.add(batchOf([at(120)]), decodeEthernet);
    expect(sizes).toEqual([second]);
  });
});
