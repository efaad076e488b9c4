import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FlowRecord } from '../../../agent/model/flow-record.ts';
import { type AllocateTableMemory, heapMemory } from '../../../agent/model/table-memory.ts';
import { countPackets, distinctFlow, flowTable, recordsOf } from '../../support/flow-tables.ts';
import type { KeyedPacket } from '../../support/key-rows.ts';

const NOTHING = { packets: 0, bytes: 0 };

function sumOf(records: readonly FlowRecord[], field: 'packets' | 'bytes'): number {
  return records.reduce((sum, record) => sum + record[field], 0);
}

/** The same aggregation the plain way. */
function aggregate(packets: readonly KeyedPacket[]): Map<string, Partial<FlowRecord>> {
  const flows = new Map<string, { packets: number; bytes: number; tcpFlags: number; first: number; last: number }>();
  for (const packet of packets) {
    const key = [...packet.source, ...packet.destination, packet.sourcePort, packet.destinationPort, packet.protocol];
    const name = key.join();
    const flow = flows.get(name) ?? { packets: 0, bytes: 0, tcpFlags: 0, first: Number.POSITIVE_INFINITY, last: 0 };
    flow.packets += 1;
    flow.bytes += packet.bytes;
    flow.tcpFlags |= packet.tcpFlags;
    flow.first = Math.min(flow.first, packet.microseconds);
    flow.last = Math.max(flow.last, packet.microseconds);
    flows.set(name, flow);
  }
  return new Map(
    [...flows].map(([name, { first, last, ...rest }]) => [
      name,
      { ...rest, firstMicroseconds: first, lastMicroseconds: last },
    ]),
  );
}

function named(record: FlowRecord): [string, Partial<FlowRecord>] {
  const words = (...all: number[]) => (record.family === 4 ? all.slice(0, 1) : all);
  const key = [
    ...words(record.source0, record.source1, record.source2, record.source3),
    ...words(record.destination0, record.destination1, record.destination2, record.destination3),
    record.sourcePort,
    record.destinationPort,
    record.protocol,
  ];
  const { packets, bytes, tcpFlags, firstMicroseconds, lastMicroseconds } = record;
  return [key.join(), { packets, bytes, tcpFlags, firstMicroseconds, lastMicroseconds }];
}

/** Few distinct values, so that keys meet again and differ in one word only. */
function packetsOf(family: 4 | 6, maxLength: number): fc.Arbitrary<KeyedPacket[]> {
  const word = fc.oneof(fc.constantFrom(0, 1, 0x8000_0000, 0xffff_ffff), fc.integer({ min: 0, max: 400 }));
  const address = fc.array(word, { minLength: family === 4 ? 1 : 4, maxLength: family === 4 ? 1 : 4 });
  const packet = fc.record({
    family: fc.constant(family),
    source: address,
    destination: address,
    sourcePort: fc.constantFrom(0, 1, 443, 65_535),
    destinationPort: fc.constantFrom(0, 53, 32_768),
    protocol: fc.constantFrom(0, 6, 17, 255),
    tcpFlags: fc.integer({ min: 0, max: 255 }),
    bytes: fc.oneof(fc.integer({ min: 0, max: 65_535 }), fc.constantFrom(0x7fff_ffff, 0xffff_ffff)),
    microseconds: fc.integer({ min: 0, max: 599_999_999 }),
  });
  return fc.array(packet, { maxLength, size: 'max' });
}

describe.each([4, 6] as const)('a flow table of IPv%i', (family) => {
  it('holds what a plain Map holds, through growth', () => {
    fc.assert(
      fc.property(packetsOf(family, 1500), (packets) => {
        const table = flowTable(family);
        const { coarsened, overflowed } = countPackets(table, packets);
        expect([coarsened, overflowed]).toEqual([NOTHING, NOTHING]);
        const records = recordsOf(family, table);
        expect(new Map(records.map(named))).toEqual(aggregate(packets));
        expect(records.length).toBe(table.flows);
      }),
      { numRuns: 60 },
    );
  });

  it('folds what is over its cap into coarser records, and keeps the sums exact', () => {
    fc.assert(
      fc.property(packetsOf(family, 1500), fc.integer({ min: 1, max: 300 }), (packets, flowsMax) => {
        const table = flowTable(family, { flowsMax });
        const { coarsened, overflowed } = countPackets(table, packets);
        const records = recordsOf(family, table);
        const flows = aggregate(packets);
        expect(overflowed).toEqual(NOTHING);
        expect(sumOf(records, 'packets')).toBe(packets.length);
        expect(sumOf(records, 'bytes')).toBe(packets.reduce((sum, packet) => sum + packet.bytes, 0));
        expect(coarsened.packets > 0).toBe(flows.size > flowsMax);
        if (coarsened.packets === 0) expect(new Map(records.map(named))).toEqual(flows);
      }),
      { numRuns: 60 },
    );
  });

  it('drops the ephemeral port first, then the address beside it', () => {
    const table = flowTable(family, { flowsMax: 1024 });
    const client = (index: number) => ({ ...distinctFlow(family, index), sourcePort: 50_000 - (index % 100) });
    countPackets(
      table,
      Array.from({ length: 200_000 }, (_, index) => client(index)),
    );
    const coarse = recordsOf(family, table).filter((record) => record.sourcePort === 0);
    expect(coarse.every((record) => record.destinationPort === 443)).toBe(true);
    expect(coarse.some((record) => record.source0 !== 0)).toBe(true);
    const coarsest = coarse.filter((record) => record.source0 === 0);
    expect(coarsest.length).toBe(1);
    expect(coarsest[0]!.packets).toBeGreaterThan(190_000);
  });

  it('drops type and code of ICMP before anything else of its key', () => {
    const table = flowTable(family, { flowsMax: 16 });
    const [protocol, known] = [family === 4 ? 1 : 58, 1];
    const message = (index: number) => ({
      ...distinctFlow(family, index & 1),
      ...{ protocol, tcpFlags: 0, sourcePort: known, destinationPort: index },
    });
    const { coarsened } = countPackets(
      table,
      Array.from({ length: 1000 }, (_, index) => message(index)),
    );
    const records = recordsOf(family, table);
    const coarse = records.filter(({ icmpType }) => icmpType === -1);
    expect(records.every(({ sourcePort, destinationPort }) => sourcePort === 0 && destinationPort === 0)).toBe(true);
    expect(
      records
        .filter(({ icmpType }) => icmpType === 0)
        .map(({ icmpCode }) => icmpCode)
        .sort((a, b) => a - b),
    ).toEqual(Array.from({ length: 16 }, (_, code) => code));
    expect(coarse.map(({ packets, source0 }) => [packets, source0 !== 0])).toEqual([
      [coarsened.packets / 2, true],
      [coarsened.packets / 2, true],
    ]);
  });

  it('folds at its size when no memory is to be had for a larger one, and counts what finds no room at all', () => {
    let allocations = 0;
    const scarce: AllocateTableMemory = (bytes) => (allocations++ === 0 ? heapMemory(bytes) : undefined);
    const table = flowTable(family, { allocate: scarce });
    const packets = Array.from({ length: 500 }, (_, index) => ({
      ...distinctFlow(family, index),
      protocol: index & 0xff,
    }));
    const { coarsened, overflowed } = countPackets(table, packets);
    expect(allocations).toBe(2);
    expect(coarsened.packets).toBeGreaterThan(0);
    expect(sumOf(recordsOf(family, table), 'packets') + overflowed.packets).toBe(500);
    expect(table.flows).toBeLessThanOrEqual(Math.floor((128 * 2) / 3) + 16);
  });

  it('carries bytes past 32 bits', () => {
    const packets = Array.from({ length: 1000 }, () => ({ ...distinctFlow(family, 1), bytes: 0xffff_ffff }));
    const table = flowTable(family);
    countPackets(table, packets);
    expect(recordsOf(family, table)[0]?.bytes).toBe(1000 * 0xffff_ffff);
  });

  it('counts a packet as overflowed rather than let 46 bits of bytes wrap', () => {
    const table = flowTable(family);
    const packets = Array.from({ length: 16_384 + 10 }, () => ({ ...distinctFlow(family, 1), bytes: 0xffff_ffff }));
    const { overflowed } = countPackets(table, packets);
    const [record] = recordsOf(family, table);
    expect(overflowed.packets).toBeGreaterThan(0);
    expect(record!.bytes + overflowed.bytes).toBe(packets.length * 0xffff_ffff);
    expect(record!.packets + overflowed.packets).toBe(packets.length);
  });

  it('takes at most 96 bytes for an IPv4 flow and twice that for an IPv6 flow once it is large', () => {
    const table = flowTable(family);
    for (let flows = 0; flows < 40_000; flows++) {
      countPackets(table, [distinctFlow(family, flows)]);
      if (flows > 12_000) expect(table.words.byteLength / table.flows).toBeLessThanOrEqual(family === 4 ? 97 : 194);
    }
  });
});
