import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FlowTable } from '../../../agent/flow/flow-table.ts';
import { IncrementCursor } from '../../../agent/flow/increment-cursor.ts';
import { RejectTables } from '../../../agent/flow/reject-tables.ts';
import { IPV4_STATE } from '../../../agent/flow/slot-layout.ts';
import { TableCursor, type TableSlots } from '../../../agent/flow/table-cursor.ts';
import { hasVerdicts, VerdictCursor } from '../../../agent/flow/verdict-cursor.ts';
import { createFlowRecord, type FlowRecord, type RecordCursor } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { heapMemory } from '../../../agent/model/table-memory.ts';
import { countPackets, distinctFlow, distinctFlows, flowTable } from '../../support/flow-tables.ts';
import { allMembers, type KeyedPacket, toRows } from '../../support/key-rows.ts';
import { SEED } from '../../support/persisted-windows.ts';

/** Tables into which packets are counted one after the other, with those that the packet filter rejects. */
class Tables {
  readonly #tables = { 4: flowTable(4, { notesWire: true }), 6: flowTable(6, { notesWire: true }) };
  readonly #rejects = new RejectTables({ hashSeed: SEED, flowsMax: 10_000, bytesMax: 1 << 24, allocate: heapMemory });

  /** @param further packets that it is on the wire beside the one here */
  tap(packet: KeyedPacket, further: number): void {
    const table = this.#tables[packet.family];
    countPackets(table, [packet]);
    table.addFurther(toRows([packet]), allMembers([packet]), 1, Float64Array.of(further, further * 40));
  }

  reject(packet: KeyedPacket, wasTapped: boolean): void {
    const table = this.#rejects.table({ rule: 'drop', wasTapped }, packet.family);
    table.add(toRows([packet]), allMembers([packet]), 1, createLedger([]));
  }

  /** As a reading in another thread has them. */
  copy(): TableSlots[] {
    const own = ([4, 6] as const).map((family) => {
      const { words, further } = this.#tables[family];
      return { family, words: words.slice(), further: further!.slice() };
    });
    const rejected = this.#rejects.tables.map(({ family, table, rejection }) => ({
      ...{ family, rejection },
      words: table.words.slice(),
    }));
    return [...own, ...rejected];
  }
}

type Sums = Map<string, { packets: number; bytes: number; furtherPackets: number; furtherBytes: number }>;

const NOTHING = { packets: 0, bytes: 0, furtherPackets: 0, furtherBytes: 0 };

function addUp(cursor: RecordCursor, sums: Sums): FlowRecord[] {
  const records: FlowRecord[] = [];
  for (let record = createFlowRecord(); cursor.next(record); record = createFlowRecord()) {
    const { family, source0, destination0, sourcePort, protocol, isAnnotated, annotations } = record;
    const action = isAnnotated ? annotations.action : 'ACCEPT';
    const key = [family, source0, destination0, sourcePort, protocol, action].join(' ');
    const before = sums.get(key) ?? NOTHING;
    sums.set(key, {
      packets: before.packets + record.packets,
      bytes: before.bytes + record.bytes,
      furtherPackets: before.furtherPackets + record.furtherPackets,
      furtherBytes: before.furtherBytes + record.furtherBytes,
    });
    records.push(record);
  }
  return records;
}

/** Without those of which nothing is left. */
const nonZero = (sums: Sums) => new Map([...sums].filter(([, { packets, bytes }]) => packets !== 0 || bytes !== 0));

const recordsOf = (slots: readonly TableSlots[]) =>
  hasVerdicts(slots) ? new VerdictCursor(slots, SEED) : new TableCursor(slots);

const increments = (now: readonly TableSlots[], before: readonly TableSlots[], flowsMax = 1e9, isLast = false) =>
  new IncrementCursor({ now, before, hashSeed: SEED, flowsMax, isLast });

const packet = fc.record({
  family: fc.constantFrom(4 as const, 6 as const),
  flow: fc.nat(200),
  bytes: fc.oneof(fc.nat(1500), fc.constant(0xffff_ffff)),
  further: fc.oneof(fc.constant(0), fc.nat(44)),
  verdict: fc.constantFrom('accept', 'accept', 'accept', 'tapped', 'untapped'),
});

const event = fc.oneof(
  { arbitrary: packet, weight: 12 },
  { arbitrary: fc.record({ flowsMax: fc.nat(30), turn: fc.nat(100) }), weight: 1 },
);

describe('the increments of flows', () => {
  test('add up to the records of the closed window, whenever it was read and however much was deferred', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300, size: 'max' }), (events) => {
        const tables = new Tables();
        const sums: Sums = new Map();
        let before: TableSlots[] = [];
        for (const one of events) {
          if ('flowsMax' in one) {
            const now = tables.copy();
            addUp(new IncrementCursor({ now, before, hashSeed: SEED, ...one }), sums);
            before = now;
          } else {
            const keyed = { ...distinctFlow(one.family, one.flow), bytes: one.bytes };
            if (one.verdict !== 'untapped') tables.tap(keyed, one.further);
            if (one.verdict !== 'accept') tables.reject(keyed, one.verdict === 'tapped');
          }
        }
        const closed = tables.copy();
        addUp(increments(closed, before, 1e9, true), sums);
        const expected: Sums = new Map();
        addUp(recordsOf(closed), expected);
        expect(nonZero(sums)).toEqual(nonZero(expected));
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });

  test('are none where nothing was counted since', () => {
    const table = flowTable(4);
    countPackets(table, distinctFlows(4, 100));
    const slots = [{ family: 4 as const, words: table.words }];
    expect(addUp(increments(slots, slots), new Map())).toEqual([]);
  });

  test('of flows beyond the limit come with the next reading, and of the last one are counted', () => {
    const table = flowTable(4);
    countPackets(table, distinctFlows(4, 10));
    const copy = () => [{ family: 4 as const, words: table.words.slice() }];
    const first = copy();
    const cursor = increments(first, [], 4);
    expect(addUp(cursor, new Map())).toHaveLength(4);
    expect(cursor).toMatchObject({ deferred: 6, deferredPackets: 6 });
    const last = copy();
    const rest = increments(last, first, 5, true);
    expect(addUp(rest, new Map())).toHaveLength(5);
    expect(rest).toMatchObject({ deferred: 1, deferredPackets: 1 });
    expect(last).toEqual(copy());
  });

  test('of every flow have their turn, where all of them change with every reading', () => {
    const table = flowTable(4);
    const seen = new Map<number, number>();
    let before: TableSlots[] = [];
    for (let turn = 0; turn < 60; turn++) {
      countPackets(table, distinctFlows(4, 400));
      const now = [{ family: 4 as const, words: table.words.slice() }];
      const cursor = new IncrementCursor({ now, before, hashSeed: SEED, flowsMax: 40, turn });
      for (const { source0 } of addUp(cursor, new Map())) seen.set(source0, (seen.get(source0) ?? 0) + 1);
      before = now;
    }
    expect(seen.size).toBe(400);
    // Six turns for each would be fair.
    expect(Math.min(...seen.values())).toBeGreaterThan(2);
  });

  test('leave a flow that was not settled at what it had', () => {
    const table = flowTable(4);
    countPackets(table, [distinctFlow(4, 1), distinctFlow(4, 1)]);
    const before = [{ family: 4 as const, words: table.words.slice() }];
    const torn = table.words.slice();
    const at = torn.findIndex((_, word) => word % 8 === 0 && torn[word + IPV4_STATE] !== 0);
    torn[at + IPV4_STATE + 1] = 0;
    const now = [{ family: 4 as const, words: torn }];
    expect(addUp(increments(now, before), new Map())).toEqual([]);
    countPackets(table, [distinctFlow(4, 1)]);
    const later = addUp(increments([{ family: 4, words: table.words }], now), new Map());
    expect(later).toMatchObject([{ packets: 1, bytes: 60 }]);
  });
});

describe('the answer to a flow', () => {
  const opening = distinctFlow(4, 7);
  const answer = (microseconds: number): KeyedPacket => ({
    ...opening,
    source: opening.destination,
    destination: opening.source,
    sourcePort: opening.destinationPort,
    destinationPort: opening.sourcePort,
    microseconds,
  });
  const answeredAt = (table: FlowTable) => {
    const cursor = increments([{ family: 4, words: table.words }], []);
    const times = new Map<number, number>();
    for (const record = createFlowRecord(); cursor.next(record); ) times.set(record.source0, cursor.answeredAt());
    return times.get(opening.source[0]!);
  };

  test('is found by its key, with the time of its first packet', () => {
    const table = flowTable(4);
    countPackets(table, [...distinctFlows(4, 50), answer(900)]);
    expect(answeredAt(table)).toBe(900);
  });

  test('is -1 where none is there', () => {
    const table = flowTable(4);
    countPackets(table, distinctFlows(4, 50));
    expect(answeredAt(table)).toBe(-1);
  });
});
