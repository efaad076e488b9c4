/** What flows are on the wire more than here, in the tables of flow logs that show it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FlowTable } from '../../../agent/flow/flow-table.ts';
import { slotsIn, tableBytes, tableParts } from '../../../agent/flow/table-parts.ts';
import type { FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger, type Ledger } from '../../../agent/model/ledger.ts';
import { CountedMemory, distinctFlow, flowTable, recordsIn } from '../../support/flow-tables.ts';
import { allMembers, toRows } from '../../support/key-rows.ts';

const GROUP = 128;

interface Frame {
  readonly flow: number;
  readonly furtherPackets: number;
  readonly furtherBytes: number;
}

function count(table: FlowTable, family: 4 | 6, frames: readonly Frame[]): Ledger {
  const ledger = createLedger([]);
  for (let at = 0; at < frames.length; at += GROUP) {
    const group = frames.slice(at, at + GROUP);
    const packets = group.map(({ flow }) => distinctFlow(family, flow));
    const further = Float64Array.from(
      group.flatMap(({ furtherPackets, furtherBytes }) => [furtherPackets, furtherBytes]),
    );
    const rows = toRows(packets);
    table.add(rows, allMembers(packets), packets.length, ledger);
    table.addFurther(rows, allMembers(packets), packets.length, further);
  }
  return ledger;
}

const recordsOf = (family: 4 | 6, { words, further }: FlowTable) => recordsIn([{ family, words, further }]);
const withoutFurther = (records: readonly FlowRecord[]) =>
  records.map((record) => ({ ...record, furtherPackets: 0, furtherBytes: 0 }));

/** The same sums the plain way, by the last word of the source. */
function sumsOf(frames: readonly Frame[]): Map<number, readonly [number, number]> {
  const sums = new Map<number, readonly [number, number]>();
  for (const { flow, furtherPackets, furtherBytes } of frames) {
    const [packets, bytes] = sums.get(0x0a00_0000 + flow) ?? [0, 0];
    sums.set(0x0a00_0000 + flow, [packets + furtherPackets, bytes + furtherBytes]);
  }
  return sums;
}

const frame: fc.Arbitrary<Frame> = fc
  .tuple(fc.nat(900), fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 0x7fff_ffff })), fc.nat(0x7fff))
  .map(([flow, furtherPackets, headers]) => ({ flow, furtherPackets, furtherBytes: furtherPackets * headers }));

describe.each([4, 6] as const)('a table of IPv%i that has what is on the wire', (family) => {
  it('adds it up by flow, through growth, and counts all else as others do', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 2500, size: 'max' }), (frames) => {
        const table = flowTable(family, { notesWire: true });
        const other = flowTable(family);
        expect(count(table, family, frames)).toEqual(count(other, family, frames));
        const records = recordsOf(family, table);
        const found = records.map(({ source0, furtherPackets, furtherBytes }) => [
          source0,
          [furtherPackets, furtherBytes],
        ]);
        expect(new Map(found as never)).toEqual(sumsOf(frames));
        expect(withoutFurther(records)).toEqual(recordsOf(family, other));
      }),
      { numRuns: 40 },
    );
  });

  it('has that of coarser records, too, and of no packet that found no room', () => {
    const frames = Array.from({ length: 500 }, (_, flow) => ({ flow, furtherPackets: 2, furtherBytes: 100 }));
    const table = flowTable(family, { notesWire: true, flowsMax: 3 });
    const { coarsened, metered } = count(table, family, frames);
    expect([coarsened.packets, metered.packets]).toEqual([497, 500]);
    const records = recordsOf(family, table);
    expect(records.length).toBeLessThan(20);
    expect(records.map(({ furtherPackets }) => furtherPackets)).toEqual(records.map(({ packets }) => 2 * packets));
  });

  it('takes its memory in one piece, whole pages of it, by halves where there is less', () => {
    const memory = new CountedMemory();
    memory.isThere = (bytes) => bytes < 100_000;
    const table = flowTable(family, { notesWire: true, flowsExpected: 10_000, allocate: memory.allocate });
    expect(memory.asked.every((bytes) => bytes % 4096 === 0)).toBe(true);
    expect(table.bytes).toBe(memory.asked.at(-1));
    expect(table.further!.length / 2).toBe(table.words.length / table.slotWords);
    expect(table.further!.buffer).toBe(table.words.buffer);
  });

  it('is told by its bytes how many slots it has', () => {
    for (let slots = 128; slots <= 1 << 22; slots *= 2) {
      for (const notesWire of [false, true])
        expect(slotsIn(family, tableBytes(family, slots, notesWire), notesWire)).toBe(slots);
    }
  });

  it('is slots and nothing else where nobody asks', () => {
    const table = flowTable(family);
    expect([table.further, table.bytes]).toEqual([undefined, table.words.byteLength]);
    expect(tableParts(family, table.words, false)).toEqual({ words: table.words, further: undefined });
    count(table, family, [{ flow: 1, furtherPackets: 5, furtherBytes: 5 }]);
    expect(recordsOf(family, table)).toMatchObject([{ packets: 1, furtherPackets: 0, furtherBytes: 0 }]);
  });
});
