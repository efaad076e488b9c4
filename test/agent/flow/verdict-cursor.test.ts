import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RejectTables } from '../../../agent/flow/reject-tables.ts';
import type { TableSlots } from '../../../agent/flow/table-cursor.ts';
import { hasVerdicts, settleVerdicts, VerdictCursor } from '../../../agent/flow/verdict-cursor.ts';
import { Window } from '../../../agent/flow/window.ts';
import { createFlowRecord } from '../../../agent/model/flow-record.ts';
import { OTHER_RULES, REJECT_RULES_MAX, type Rejection } from '../../../agent/model/rejection.ts';
import { heapMemory } from '../../../agent/model/table-memory.ts';
import { DESTINATION, IP_BYTES, PORTS, PROTOCOL_AND_FLAGS, ROW_WORDS, SOURCE } from '../../../agent/packet/key-row.ts';
import { SEED } from '../../support/persisted-windows.ts';

interface Packet {
  readonly family: 4 | 6;
  readonly flow: number;
  readonly bytes: number;
}

const MEMBERS = new Int32Array(1);

function rowOf({ flow, bytes }: Packet): Int32Array {
  const row = new Int32Array(ROW_WORDS);
  row[SOURCE] = 0x0a00_0000 + flow;
  row[DESTINATION] = 0x0a01_0000 + (flow % 3);
  row[PORTS] = (4000 << 16) | (flow % 7);
  row[PROTOCOL_AND_FLAGS] = flow % 2 === 0 ? 6 : 17;
  row[IP_BYTES] = bytes;
  return row;
}

class Observed {
  readonly window: Window;
  readonly rejects: RejectTables;
  readonly tallies = () => ({
    metered: { packets: 0, bytes: 0 },
    coarsened: { packets: 0, bytes: 0 },
    overflowed: { packets: 0, bytes: 0 },
  });

  constructor(bytesMax = 1 << 24) {
    const table = { hashSeed: SEED, allocate: heapMemory, flowsExpected: 0, flowsMax: 10_000 };
    this.window = new Window(0, [], { ipv4: table, ipv6: table });
    this.rejects = new RejectTables({ hashSeed: SEED, flowsMax: 10_000, bytesMax, allocate: heapMemory });
  }

  tap(packet: Packet): void {
    const table = packet.family === 4 ? this.window.ipv4 : this.window.ipv6;
    table.add(rowOf(packet), MEMBERS, 1, this.window.ledger);
  }

  reject(packet: Packet, rejection: Rejection): void {
    this.rejects.table(rejection, packet.family).add(rowOf(packet), MEMBERS, 1, this.tallies());
  }

  rejectRow(row: Int32Array, family: 4 | 6): void {
    this.rejects.table({ rule: 'other', wasTapped: true }, family).add(row, MEMBERS, 1, this.tallies());
  }

  get slots(): TableSlots[] {
    const rejected = this.rejects.tables.map(({ family, table, rejection }) => ({
      family,
      words: table.words,
      rejection,
    }));
    return [...this.window.slots, ...rejected];
  }

  /** `family flow action rule: packets bytes`, added up, in order. */
  get lines(): string[] {
    const cursor = new VerdictCursor(this.slots, SEED);
    const sums = new Map<string, [number, number]>();
    const record = createFlowRecord();
    while (cursor.next(record)) {
      const { action, rejectRule } = record.annotations;
      expect(record.isAnnotated).toBe(action === 'REJECT');
      const key = `${record.family} ${record.source0 - 0x0a00_0000} ${action} ${rejectRule}`;
      const sum = sums.get(key) ?? [0, 0];
      sums.set(key, [sum[0] + record.packets, sum[1] + record.bytes]);
    }
    return [...sums].map(([key, sum]) => `${key}: ${sum.join(' ')}`).sort();
  }
}

const packets = fc.record({
  family: fc.constantFrom(4 as const, 6 as const),
  flow: fc.nat(40),
  bytes: fc.integer({ min: 20, max: 1500 }),
});
/** Every word of a key. */
const PARTS: readonly (readonly [string, 4 | 6, number])[] = [
  ['source', 4, SOURCE],
  ['destination', 4, DESTINATION],
  ['ports', 4, PORTS],
  ['protocol', 4, PROTOCOL_AND_FLAGS],
  ...Array.from({ length: 4 }, (_, word) => [`source, word ${word}`, 6, SOURCE + word] as const),
  ...Array.from({ length: 4 }, (_, word) => [`destination, word ${word}`, 6, DESTINATION + word] as const),
  ['ports over IPv6', 6, PORTS],
  ['protocol over IPv6', 6, PROTOCOL_AND_FLAGS],
];
const fates = fc.constantFrom('accepted', 'tapped a', 'tapped b', 'untapped a', 'untapped b');

describe('the records of a window with rejections', () => {
  test('have each packet once, under its verdict and rule', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(packets, fates), { maxLength: 300 }), (sent) => {
        const observed = new Observed();
        const sums = new Map<string, [number, number]>();
        let rejected = 0;
        for (const [packet, fate] of sent) {
          const [verdict, rule = ''] = fate.split(' ');
          if (verdict !== 'untapped') observed.tap(packet);
          if (verdict !== 'accepted') observed.reject(packet, { rule, wasTapped: verdict === 'tapped' });
          const action = verdict === 'accepted' ? 'ACCEPT' : 'REJECT';
          const key = `${packet.family} ${packet.flow} ${action} ${rule}`;
          const sum = sums.get(key) ?? [0, 0];
          sums.set(key, [sum[0] + 1, sum[1] + packet.bytes]);
          if (action === 'REJECT') rejected += 1;
        }
        expect(observed.lines).toEqual([...sums].map(([key, sum]) => `${key}: ${sum.join(' ')}`).sort());
        expect(observed.lines).toEqual(observed.lines);
        const settled = settleVerdicts(observed.slots, SEED);
        expect(settled.rejected.packets).toBe(rejected);
        expect(settled.rejectsUnmatched).toEqual({ packets: 0, bytes: 0 });
      }),
      { numRuns: 100 },
    );
  });

  test('keep a rejection that is in no flow of the tap, and say so', () => {
    const observed = new Observed();
    const packet = { family: 4 as const, flow: 1, bytes: 100 };
    observed.tap(packet);
    for (let count = 0; count < 3; count++) observed.reject(packet, { rule: 'deny', wasTapped: true });
    observed.reject({ ...packet, flow: 2 }, { rule: 'deny', wasTapped: true });
    expect(observed.lines).toEqual(['4 1 REJECT deny: 3 300', '4 2 REJECT deny: 1 100']);
    expect(settleVerdicts(observed.slots, SEED)).toEqual({
      rejected: { packets: 1, bytes: 100 },
      rejectsUnmatched: { packets: 3, bytes: 300 },
    });
  });

  test('are told from those of a window without any', () => {
    const observed = new Observed();
    expect(hasVerdicts(observed.slots)).toBe(false);
    observed.tap({ family: 4, flow: 1, bytes: 100 });
    expect(hasVerdicts(observed.slots)).toBe(false);
    observed.reject({ family: 6, flow: 1, bytes: 100 }, { rule: '', wasTapped: false });
    expect(hasVerdicts(observed.slots)).toBe(true);
  });

  test('are lowered by what every rule rejected of the flow, and gone only where no packet is left', () => {
    const observed = new Observed();
    const packet = { family: 6 as const, flow: 4, bytes: 100 };
    for (let count = 0; count < 5; count++) observed.tap(packet);
    observed.reject(packet, { rule: 'a', wasTapped: true });
    observed.reject(packet, { rule: 'b', wasTapped: true });
    observed.reject(packet, { rule: 'b', wasTapped: false });
    expect(observed.lines).toEqual(['6 4 ACCEPT : 3 300', '6 4 REJECT a: 1 100', '6 4 REJECT b: 2 200']);
    for (let count = 0; count < 2; count++) observed.reject(packet, { rule: 'a', wasTapped: true });
    expect(observed.lines[0]).toBe('6 4 ACCEPT : 1 100');
    observed.reject(packet, { rule: 'c', wasTapped: true });
    expect(observed.lines).toEqual(['6 4 REJECT a: 3 300', '6 4 REJECT b: 2 200', '6 4 REJECT c: 1 100']);
    expect(settleVerdicts(observed.slots, SEED)).toEqual({
      rejected: { packets: 6, bytes: 600 },
      rejectsUnmatched: { packets: 0, bytes: 0 },
    });
  });

  test('never have fewer bytes than none, where the filter saw more of a packet than the tap', () => {
    const observed = new Observed();
    for (let count = 0; count < 2; count++) observed.tap({ family: 4, flow: 2, bytes: 50 });
    observed.reject({ family: 4, flow: 2, bytes: 400 }, { rule: 'a', wasTapped: true });
    expect(observed.lines).toEqual(['4 2 ACCEPT : 1 0', '4 2 REJECT a: 1 400']);
    expect(settleVerdicts(observed.slots, SEED)).toEqual({
      rejected: { packets: 1, bytes: 100 },
      rejectsUnmatched: { packets: 0, bytes: 300 },
    });
  });

  test.each(PARTS)('are lowered by no rejection of a flow that differs in its %s', (_, family, word) => {
    const observed = new Observed();
    const packet = { family, flow: 1, bytes: 100 };
    observed.tap(packet);
    const other = rowOf(packet);
    other[word]! ^= 1;
    observed.rejectRow(other, family);
    const settled = settleVerdicts(observed.slots, SEED);
    expect([settled.rejected.packets, settled.rejectsUnmatched.packets]).toEqual([0, 1]);
    expect(observed.lines.filter((line) => line.includes('ACCEPT'))).toEqual([`${family} 1 ACCEPT : 1 100`]);
  });

  test('tell a stated number of rules apart, and put the others under one name', () => {
    const observed = new Observed();
    for (let rule = 0; rule < REJECT_RULES_MAX + 5; rule++) {
      observed.reject({ family: 4, flow: rule, bytes: 50 }, { rule: `rule-${rule}`, wasTapped: false });
    }
    const rules = observed.lines.map((line) => line.slice(line.indexOf('REJECT ') + 7, line.indexOf(':')));
    expect(new Set(rules).size).toBe(REJECT_RULES_MAX + 1);
    expect(rules.filter((rule) => rule === OTHER_RULES)).toHaveLength(5);
  });

  test('hold their memory within its bound under a flood of rejected flows, and lose no packet', () => {
    const observed = new Observed(64 * 1024);
    for (let flow = 0; flow < 20_000; flow++) {
      observed.reject({ family: 4, flow, bytes: 40 }, { rule: 'flood', wasTapped: false });
    }
    expect(observed.rejects.tables[0]!.table.words.byteLength).toBeLessThanOrEqual(64 * 1024);
    expect(settleVerdicts(observed.slots, SEED).rejected).toEqual({ packets: 20_000, bytes: 800_000 });
  });
});
