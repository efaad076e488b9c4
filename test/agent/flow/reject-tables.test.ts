import { describe, expect, test } from 'vitest';
import { RejectTables } from '../../../agent/flow/reject-tables.ts';
import { type NumberedRejection, OTHER_RULES, REJECT_RULES_MAX } from '../../../agent/model/rejection.ts';
import { CountedMemory, countPackets, distinctFlows } from '../../support/flow-tables.ts';
import { SEED } from '../../support/persisted-windows.ts';

const IPV4_BYTES = 4096;

function made(bytesMax = 1 << 20) {
  const memory = new CountedMemory();
  const purposes: string[] = [];
  const tables = new RejectTables({
    hashSeed: SEED,
    flowsMax: 1000,
    bytesMax,
    allocate: (bytes, { rule, wasTapped, number }: NumberedRejection, family) => {
      purposes.push(`${number} ${rule} ${wasTapped ? 'tapped' : 'untapped'} ${family}`);
      return memory.allocate(bytes);
    },
  });
  return { tables, memory, purposes };
}

const named = (tables: RejectTables) =>
  tables.tables.map(({ rejection: { number, rule, wasTapped }, family }) => `${number} ${rule} ${wasTapped} ${family}`);

describe('the tables of rejected packets', () => {
  test('are one for each rule, side of the tap and family, made when it is first asked for', () => {
    const { tables, purposes } = made();
    expect([tables.tables, tables.flows]).toEqual([[], 0]);
    const first = tables.table({ rule: 'a', wasTapped: true }, 4);
    expect(tables.table({ rule: 'a', wasTapped: true }, 4)).toBe(first);
    const others = [
      tables.table({ rule: 'a', wasTapped: false }, 4),
      tables.table({ rule: 'b', wasTapped: true }, 4),
      tables.table({ rule: 'a', wasTapped: true }, 6),
    ];
    expect(new Set([first, ...others]).size).toBe(4);
    expect(purposes).toEqual(['0 a tapped 4', '1 a untapped 4', '2 b tapped 4', '0 a tapped 6']);
  });

  test('stand in the order of their numbers, then of their families, however they were made', () => {
    const { tables } = made();
    for (const family of [6, 4] as const) {
      for (const rule of ['c', 'a']) for (const wasTapped of [false, true]) tables.table({ rule, wasTapped }, family);
    }
    expect(named(tables)).toEqual([
      ...['0 c false 4', '0 c false 6', '1 c true 4', '1 c true 6'],
      ...['2 a false 4', '2 a false 6', '3 a true 4', '3 a true 6'],
    ]);
  });

  test('of rules beyond the limit are those of the other rules; a rule that is known stays', () => {
    const { tables } = made();
    const at = (rule: number) => tables.table({ rule: `rule ${rule}`, wasTapped: true }, 4);
    const known = Array.from({ length: REJECT_RULES_MAX }, (_, rule) => at(rule));
    expect(new Set(known).size).toBe(REJECT_RULES_MAX);
    const beyond = at(REJECT_RULES_MAX);
    expect(known).not.toContain(beyond);
    expect([at(REJECT_RULES_MAX + 1), at(REJECT_RULES_MAX - 1)]).toEqual([beyond, known.at(-1)]);
    expect(tables.tables.at(-1)!.rejection.rule).toBe(OTHER_RULES);
    // The same rule on the other side of the tap is no further rule.
    tables.table({ rule: 'rule 0', wasTapped: false }, 4);
    expect(tables.tables.at(-1)!.rejection).toMatchObject({ rule: 'rule 0', wasTapped: false });
  });

  test('have their flows added up', () => {
    const { tables } = made();
    countPackets(tables.table({ rule: 'a', wasTapped: true }, 4), distinctFlows(4, 3));
    countPackets(tables.table({ rule: 'b', wasTapped: false }, 6), distinctFlows(6, 4));
    expect(tables.flows).toBe(7);
  });

  test('take memory up to their limit, to the byte, and their first tables from the heap beyond it', () => {
    const { tables, memory } = made(2 * IPV4_BYTES);
    tables.table({ rule: 'a', wasTapped: true }, 4);
    tables.table({ rule: 'b', wasTapped: true }, 4);
    expect(memory.asked).toEqual([IPV4_BYTES, IPV4_BYTES]);
    const third = tables.table({ rule: 'c', wasTapped: true }, 4);
    expect(memory.asked).toHaveLength(2);
    countPackets(third, distinctFlows(4, 10));
    expect(tables.flows).toBe(10);
  });

  test('take what grown tables gave back', () => {
    const { tables, memory } = made(3 * IPV4_BYTES);
    countPackets(tables.table({ rule: 'a', wasTapped: true }, 4), distinctFlows(4, 40));
    expect([memory.asked, memory.released]).toEqual([[IPV4_BYTES, 2 * IPV4_BYTES], [IPV4_BYTES]]);
    tables.table({ rule: 'b', wasTapped: true }, 4);
    expect(memory.asked).toEqual([IPV4_BYTES, 2 * IPV4_BYTES, IPV4_BYTES]);
    tables.release();
    expect(memory.released.toSorted((a, b) => a - b)).toEqual([IPV4_BYTES, IPV4_BYTES, 2 * IPV4_BYTES]);
  });

  test('are not charged for memory that was not to be had', () => {
    const { tables, memory } = made(2 * IPV4_BYTES);
    memory.isThere = () => false;
    for (const rule of ['a', 'b', 'c']) tables.table({ rule, wasTapped: true }, 4);
    expect(memory.asked).toHaveLength(3);
    memory.isThere = () => true;
    tables.table({ rule: 'd', wasTapped: true }, 4);
    tables.release();
    expect([memory.asked.length, memory.released]).toEqual([4, [IPV4_BYTES]]);
  });
});
