import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CountedMemory, countPackets, distinctFlows, flowTable, recordsOf } from '../../support/flow-tables.ts';

describe.each([4, 6] as const)('the memory of a flow table of IPv%i', (family) => {
  const slotBytes = family === 4 ? 32 : 64;
  const smallest = 128 * slotBytes;

  test('has its least size where nothing is expected, and is given back once', () => {
    const memory = new CountedMemory();
    const table = flowTable(family, { allocate: memory.allocate });
    expect([memory.asked, table.memory.words.byteLength, table.words.byteLength]).toEqual([
      [smallest],
      smallest,
      smallest,
    ]);
    table.release();
    expect(memory.released).toEqual([smallest]);
  });

  test('is there at once for the flows that are expected, and grows for none of them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3000 }), (flowsExpected) => {
        const memory = new CountedMemory();
        const table = flowTable(family, { allocate: memory.allocate, flowsExpected });
        countPackets(table, distinctFlows(family, flowsExpected));
        expect(memory.asked).toHaveLength(1);
        expect(recordsOf(family, table)).toHaveLength(flowsExpected);
        // A size less would be too small: a quarter of its slots.
        if (memory.asked[0]! > smallest) expect(memory.asked[0]! / 2 / slotBytes / 4).toBeLessThan(flowsExpected);
      }),
      { numRuns: 30 },
    );
  });

  test('begins no larger than the limit of flows needs, whatever is expected', () => {
    const memory = new CountedMemory();
    flowTable(family, { allocate: memory.allocate, flowsExpected: 1_000_000, flowsMax: 30 });
    expect(memory.asked).toEqual([smallest]);
  });

  test('doubles when a quarter of a small table is full, a packet before it would be more, and the former size goes', () => {
    const memory = new CountedMemory();
    const table = flowTable(family, { allocate: memory.allocate });
    countPackets(table, distinctFlows(family, 32));
    expect(memory.asked).toEqual([smallest]);
    countPackets(table, distinctFlows(family, 33).slice(32));
    expect([memory.asked, memory.released]).toEqual([[smallest, 2 * smallest], [smallest]]);
    expect(table.memory.words.byteLength).toBe(2 * smallest);
    expect(recordsOf(family, table)).toHaveLength(33);
  });

  test('of a large table doubles only when two thirds are full', () => {
    const memory = new CountedMemory();
    const slots = 16_384;
    const table = flowTable(family, { allocate: memory.allocate, flowsExpected: slots / 2 });
    expect(memory.asked).toEqual([slots * slotBytes]);
    const flows = distinctFlows(family, Math.floor((slots * 2) / 3) + 1);
    countPackets(table, flows.slice(0, -129));
    for (const flow of flows.slice(-129, -1)) countPackets(table, [flow]);
    expect([table.words.byteLength, memory.released]).toEqual([slots * slotBytes, []]);
    countPackets(table, flows.slice(-1));
    expect([table.words.byteLength, memory.released]).toEqual([2 * slots * slotBytes, [slots * slotBytes]]);
    expect(memory.asked).toEqual([slots * slotBytes, 2 * slots * slotBytes]);
  });

  test('does not grow for a table that has its limit of flows already', () => {
    const memory = new CountedMemory();
    const table = flowTable(family, { allocate: memory.allocate, flowsMax: 20 });
    countPackets(table, distinctFlows(family, 500));
    expect(memory.asked).toEqual([smallest]);
  });

  test('grows at once to what a large group needs', () => {
    const memory = new CountedMemory();
    const table = flowTable(family, { allocate: memory.allocate });
    countPackets(table, distinctFlows(family, 128));
    expect(memory.asked).toEqual([smallest, 4 * smallest]);
  });

  test('is half of what is expected, or a quarter, where no more is to be had', () => {
    const memory = new CountedMemory();
    memory.isThere = (bytes) => bytes <= 2 * smallest;
    const table = flowTable(family, { allocate: memory.allocate, flowsExpected: 8 * 32 });
    expect(memory.asked).toEqual([8 * smallest, 4 * smallest, 2 * smallest]);
    expect(table.words.byteLength).toBe(2 * smallest);
  });

  test('is of the heap, in its least size, where none at all is to be had; it counts the same there', () => {
    const memory = new CountedMemory();
    memory.isThere = () => false;
    const table = flowTable(family, { allocate: memory.allocate, flowsExpected: 2 * 32 });
    expect(memory.asked).toEqual([2 * smallest, smallest]);
    expect([table.memory.handOver().kind, table.words.byteLength]).toEqual(['copied', smallest]);
    countPackets(table, distinctFlows(family, 30));
    expect(recordsOf(family, table)).toHaveLength(30);
    table.release();
    expect(memory.released).toEqual([]);
  });

  test('that could not grow is not asked for again, and two thirds of it hold exact flows', () => {
    const memory = new CountedMemory();
    memory.isThere = (bytes) => bytes === smallest;
    const table = flowTable(family, { allocate: memory.allocate });
    const { coarsened } = countPackets(table, distinctFlows(family, 85));
    expect(coarsened.packets).toBe(0);
    expect(memory.asked).toHaveLength(2);
    expect(countPackets(table, distinctFlows(family, 87).slice(85)).coarsened.packets).toBe(2);
    expect(memory.asked).toHaveLength(2);
  });
});
