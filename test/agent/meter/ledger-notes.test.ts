import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LedgerNotes, NOTED_GAPS_MAX, noteBytes, readNotes } from '../../../agent/meter/ledger-notes.ts';
import { createLedger, GAP_REASONS, type Ledger, offeredPackets } from '../../../agent/model/ledger.ts';
import { ledgerNumbers } from '../../support/flow-records.ts';

const RULES = ['dhcp', 'mine'];
const WORDS = noteBytes(RULES.length) / 8;
const PROGRESS = { untilSeconds: 1_700_000_001.25, isClosed: false, droppedByKernel: 0, droppedByInterface: 0 };

const count = fc.integer({ min: 0, max: 2 ** 40 });
const tally = fc.record({ packets: count, bytes: count });
/** Of the numbers that no note has. */
const NOTHING = { packets: 0, bytes: 0 };
const ledger: fc.Arbitrary<Ledger> = fc.record({
  ...ledgerNumbers({ tally: fc.constant(NOTHING), count: fc.constant(0), flag: fc.constant(false) }),
  metered: tally,
  coarsened: tally,
  rejectsLost: fc.nat(),
  excluded: fc.record({ dhcp: tally, mine: tally }),
  excludedPeers: fc.constant({}),
  notIp: tally,
  malformed: tally,
  overflowed: tally,
  droppedByKernel: count,
  droppedByInterface: count,
  dropsUnknown: fc.boolean(),
  gaps: fc.array(
    fc
      .tuple(fc.nat(), fc.nat(), fc.constantFrom(...GAP_REASONS))
      .map(([fromSeconds, length, reason]) => ({ fromSeconds, toSeconds: fromSeconds + length, reason })),
    { maxLength: NOTED_GAPS_MAX },
  ),
});

/** A ledger that says only how many packets were metered. */
const metered = (packets: number): Ledger => ({ ...createLedger(RULES), metered: { packets, bytes: 60 * packets } });

describe('the notes of a ledger', () => {
  test('say the last ledger that was written', () => {
    fc.assert(
      fc.property(fc.array(ledger, { minLength: 1, maxLength: 5 }), fc.boolean(), (ledgers, isClosed) => {
        const words = new Float64Array(WORDS);
        const notes = new LedgerNotes(words, RULES);
        for (const each of ledgers) notes.write(each, each.gaps, { ...PROGRESS, isClosed });
        const { untilSeconds } = PROGRESS;
        expect(readNotes(words, RULES)).toEqual({ kind: 'note', ledger: ledgers.at(-1), untilSeconds, isClosed });
      }),
    );
  });

  test('add drops that the ledger does not know yet', () => {
    const words = new Float64Array(WORDS);
    const progress = { ...PROGRESS, droppedByKernel: 5, droppedByInterface: 7 };
    new LedgerNotes(words, RULES).write({ ...metered(1), droppedByKernel: 100 }, [], progress);
    expect(readNotes(words, RULES)).toMatchObject({ ledger: { droppedByKernel: 105, droppedByInterface: 7 } });
  });

  test('are a ledger of zeros before the first round', () => {
    expect(readNotes(new Float64Array(WORDS), RULES)).toEqual({
      kind: 'note',
      ledger: createLedger(RULES),
      untilSeconds: 0,
      isClosed: false,
    });
  });

  test('torn at any word say the ledger before, or the new one', () => {
    const written = Array.from({ length: 6 }, (_, round) => {
      const words = new Float64Array(WORDS);
      const notes = new LedgerNotes(words, RULES);
      for (let packets = 1; packets <= round + 1; packets++) notes.write(metered(packets), [], PROGRESS);
      return words;
    });
    for (let round = 1; round < written.length; round++) {
      const before = written[round - 1]!;
      const after = written[round]!;
      for (let torn = 0; torn <= WORDS; torn++) {
        const found = readNotes(new Float64Array([...after.subarray(0, torn), ...before.subarray(torn)]), RULES);
        expect(found.kind).toBe('note');
        expect([round, round + 1]).toContain(found.kind === 'note' ? found.ledger.metered.packets : -1);
      }
    }
  });

  test('keep every gap covered where there are more than they have room for', () => {
    const gaps = Array.from({ length: NOTED_GAPS_MAX + 5 }, (_, index) => ({
      fromSeconds: 10 * index,
      toSeconds: 10 * index + 1,
      reason: 'interface-gone' as const,
    }));
    const words = new Float64Array(WORDS);
    new LedgerNotes(words, RULES).write(metered(1), gaps, PROGRESS);
    const found = readNotes(words, RULES);
    const noted = found.kind === 'note' ? found.ledger.gaps : [];
    expect(noted.length).toBe(NOTED_GAPS_MAX);
    for (const gap of gaps) {
      expect(noted.some((each) => each.fromSeconds <= gap.fromSeconds && each.toSeconds >= gap.toSeconds)).toBe(true);
    }
  });

  test('with any words damaged are refused, or say numbers that can be', () => {
    const word = fc.oneof(fc.double(), fc.constantFrom(0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53));
    fc.assert(
      fc.property(ledger, fc.array(fc.tuple(fc.nat({ max: WORDS - 1 }), word), { maxLength: 8 }), (last, damages) => {
        const words = new Float64Array(WORDS);
        const notes = new LedgerNotes(words, RULES);
        notes.write(metered(1), [], PROGRESS);
        notes.write(last, last.gaps, PROGRESS);
        for (const [at, value] of damages) words[at] = value;
        const found = readNotes(words, RULES);
        if (found.kind === 'damaged') return;
        expect(offeredPackets(found.ledger)).toBeGreaterThanOrEqual(0);
        expect(found.ledger.gaps.every(({ fromSeconds, toSeconds }) => fromSeconds <= toSeconds)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('shorter than they must be are damaged', () => {
    expect(readNotes(new Float64Array(WORDS - 1), RULES)).toEqual({ kind: 'damaged' });
  });
});
