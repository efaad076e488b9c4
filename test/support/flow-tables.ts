/** Flow tables on the heap, packets counted into them, and the records that they then hold. */
import { expect } from 'vitest';
import type { FlowTable, FlowTableOptions } from '../../agent/flow/flow-table.ts';
import { Ipv4Table } from '../../agent/flow/ipv4-table.ts';
import { Ipv6Table } from '../../agent/flow/ipv6-table.ts';
import { TableCursor, type TableSlots } from '../../agent/flow/table-cursor.ts';
import { createFlowRecord, type FlowRecord } from '../../agent/model/flow-record.ts';
import { createLedger, type Ledger } from '../../agent/model/ledger.ts';
import { type AllocateTableMemory, heapMemory } from '../../agent/model/table-memory.ts';
import { allMembers, type KeyedPacket, toRows } from './key-rows.ts';
import { SEED } from './persisted-windows.ts';

const GROUP = 128;

/** A table with room for a million flows, unless `options` say otherwise. */
export function flowTable(family: 4 | 6, options: Partial<FlowTableOptions> = {}): FlowTable {
  const all = { hashSeed: SEED, allocate: heapMemory, flowsExpected: 0, flowsMax: 1_000_000, ...options };
  return family === 4 ? new Ipv4Table(all) : new Ipv6Table(all);
}

/** Counts packets in groups, as the meter does; each is metered or overflowed. */
export function countPackets(table: FlowTable, packets: readonly KeyedPacket[]): Ledger {
  const tallies = createLedger([]);
  const { metered, overflowed } = tallies;
  for (let at = 0; at < packets.length; at += GROUP) {
    const group = packets.slice(at, at + GROUP);
    table.add(toRows(group), allMembers(group), group.length, tallies);
  }
  expect(metered.packets + overflowed.packets).toBe(packets.length);
  expect(metered.bytes + overflowed.bytes).toBe(packets.reduce((sum, packet) => sum + packet.bytes, 0));
  return tallies;
}

export function recordsIn(tables: readonly TableSlots[]): FlowRecord[] {
  const cursor = new TableCursor(tables);
  const records: FlowRecord[] = [];
  for (let record = createFlowRecord(); cursor.next(record); record = createFlowRecord()) records.push(record);
  return records;
}

export const recordsOf = (family: 4 | 6, { words }: FlowTable): FlowRecord[] => recordsIn([{ family, words }]);

/** One packet of a flow of its own, from a client to a server. */
export function distinctFlow(family: 4 | 6, index: number): KeyedPacket {
  const rest = family === 4 ? [] : [0, 0, 0];
  return {
    family,
    source: [0x0a00_0000 + index, ...rest],
    destination: [0x0a80_0001, ...rest],
    sourcePort: 40_000,
    destinationPort: 443,
    protocol: 6,
    tcpFlags: 2,
    bytes: 60,
    microseconds: index,
  };
}

/** `count` packets, each of a flow of its own. */
export const distinctFlows = (family: 4 | 6, count: number): KeyedPacket[] =>
  Array.from({ length: count }, (_, index) => distinctFlow(family, index));

/** Memory on the heap, with an account of what was asked for and given back. */
export class CountedMemory {
  readonly asked: number[] = [];
  readonly released: number[] = [];
  /** Whether so many bytes are to be had. */
  isThere: (bytes: number) => boolean = () => true;

  readonly allocate: AllocateTableMemory = (bytes) => {
    this.asked.push(bytes);
    if (!this.isThere(bytes)) return undefined;
    const release = () => void this.released.push(bytes);
    return { ...heapMemory(bytes), release, discard: release };
  };
}
