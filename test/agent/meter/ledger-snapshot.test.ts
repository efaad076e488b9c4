import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  LedgerSnapshot,
  readSnapshot,
  SNAPSHOT_GAPS_MAX,
  SNAPSHOT_NUMBERS,
  type SnapshotShape,
  snapshotBytes,
} from '../../../agent/meter/ledger-snapshot.ts';
import { createLedger, GAP_REASONS, type Ledger, offeredPackets } from '../../../agent/model/ledger.ts';
import { ledgerNumbers } from '../../support/flow-records.ts';

const RULES = ['dhcp', 'mine'];
const SHAPE: SnapshotShape = { numbers: SNAPSHOT_NUMBERS, ruleNames: RULES };
const WORDS = snapshotBytes(SHAPE) / 8;
const PROGRESS = { untilSeconds: 1_700_000_001.25, isClosed: false, droppedByKernel: 0, droppedByInterface: 0 };

const count = fc.integer({ min: 0, max: 2 ** 40 });
const tally = fc.record({ packets: count, bytes: count });
const ledger: fc.Arbitrary<Ledger> = fc.record({
  ...ledgerNumbers({ tally, count, flag: fc.boolean() }),
  excluded: fc.record({ dhcp: tally, mine: tally }),
  excludedPeers: fc.constant({}),
  gaps: fc.array(
    fc
      .tuple(fc.nat(), fc.nat(), fc.constantFrom(...GAP_REASONS))
      .map(([fromSeconds, length, reason]) => ({ fromSeconds, toSeconds: fromSeconds + length, reason })),
    { maxLength: SNAPSHOT_GAPS_MAX },
  ),
});

/** A ledger that says only how many packets were metered. */
const metered = (packets: number): Ledger => ({ ...createLedger(RULES), metered: { packets, bytes: 60 * packets } });

describe('the snapshot of a ledger', () => {
  test('says the last ledger that was written', () => {
    fc.assert(
      fc.property(fc.array(ledger, { minLength: 1, maxLength: 5 }), fc.boolean(), (ledgers, isClosed) => {
        const words = new Float64Array(WORDS);
        const snapshot = new LedgerSnapshot(words, RULES);
        for (const each of ledgers) snapshot.write(each, each.gaps, { ...PROGRESS, isClosed });
        const { untilSeconds } = PROGRESS;
        expect(readSnapshot(words, SHAPE)).toEqual({
          kind: 'snapshot',
          ledger: ledgers.at(-1),
          untilSeconds,
          isClosed,
        });
      }),
    );
  });

  test('adds drops that the ledger does not know yet', () => {
    const words = new Float64Array(WORDS);
    const progress = { ...PROGRESS, droppedByKernel: 5, droppedByInterface: 7 };
    new LedgerSnapshot(words, RULES).write({ ...metered(1), droppedByKernel: 100 }, [], progress);
    expect(readSnapshot(words, SHAPE)).toMatchObject({ ledger: { droppedByKernel: 105, droppedByInterface: 7 } });
  });

  test('is a ledger of zeros before the first round', () => {
    expect(readSnapshot(new Float64Array(WORDS), SHAPE)).toEqual({
      kind: 'snapshot',
      ledger: createLedger(RULES),
      untilSeconds: 0,
      isClosed: false,
    });
  });

  test('torn at any word says the ledger before, or the new one', () => {
    const written = Array.from({ length: 6 }, (_, round) => {
      const words = new Float64Array(WORDS);
      const snapshot = new LedgerSnapshot(words, RULES);
      for (let packets = 1; packets <= round + 1; packets++) snapshot.write(metered(packets), [], PROGRESS);
      return words;
    });
    for (let round = 1; round < written.length; round++) {
      const before = written[round - 1]!;
      const after = written[round]!;
      for (let torn = 0; torn <= WORDS; torn++) {
        const found = readSnapshot(new Float64Array([...after.subarray(0, torn), ...before.subarray(torn)]), SHAPE);
        expect(found.kind).toBe('snapshot');
        expect([round, round + 1]).toContain(found.kind === 'snapshot' ? found.ledger.metered.packets : -1);
      }
    }
  });

  test('keeps every gap covered where there are more than it has room for', () => {
    const gaps = Array.from({ length: SNAPSHOT_GAPS_MAX + 5 }, (_, index) => ({
      fromSeconds: 10 * index,
      toSeconds: 10 * index + 1,
      reason: 'interface-gone' as const,
    }));
    const words = new Float64Array(WORDS);
    new LedgerSnapshot(words, RULES).write(metered(1), gaps, PROGRESS);
    const found = readSnapshot(words, SHAPE);
    const kept = found.kind === 'snapshot' ? found.ledger.gaps : [];
    expect(kept.length).toBe(SNAPSHOT_GAPS_MAX);
    for (const gap of gaps) {
      expect(kept.some((each) => each.fromSeconds <= gap.fromSeconds && each.toSeconds >= gap.toSeconds)).toBe(true);
    }
  });

  test('with any words damaged is refused, or says numbers that can be', () => {
    const word = fc.oneof(fc.double(), fc.constantFrom(0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53));
    fc.assert(
      fc.property(ledger, fc.array(fc.tuple(fc.nat({ max: WORDS - 1 }), word), { maxLength: 8 }), (last, damages) => {
        const words = new Float64Array(WORDS);
        const snapshot = new LedgerSnapshot(words, RULES);
        snapshot.write(metered(1), [], PROGRESS);
        snapshot.write(last, last.gaps, PROGRESS);
        for (const [at, value] of damages) words[at] = value;
        const found = readSnapshot(words, SHAPE);
        if (found.kind !== 'snapshot') return;
        expect(offeredPackets(found.ledger)).toBeGreaterThanOrEqual(0);
        expect(found.ledger.gaps.every(({ fromSeconds, toSeconds }) => fromSeconds <= toSeconds)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('of layout 3 is read by the numbers that it had, the others being 0', () => {
    const first = [1, 100, 60_000, 2, 120, 3, 180, 4, 240, 5, 300, 6, 7, 1, 8, 0, PROGRESS.untilSeconds];
    const rulesAndGaps = [9, 540, 10, 600, 1, 5, 6, GAP_REASONS.indexOf('suspended')];
    const { length } = first;
    const words = new Float64Array(2 * (length + 4 + 1 + 3 * SNAPSHOT_GAPS_MAX + 1));
    words.set([...first, ...rulesAndGaps]);
    words[words.length / 2 - 1] = 1;
    expect(readSnapshot(words, { ruleNames: RULES })).toEqual({
      kind: 'snapshot',
      untilSeconds: PROGRESS.untilSeconds,
      isClosed: false,
      ledger: {
        ...createLedger(RULES),
        ...{ metered: { packets: 100, bytes: 60_000 }, coarsened: { packets: 2, bytes: 120 } },
        ...{ notIp: { packets: 3, bytes: 180 }, malformed: { packets: 4, bytes: 240 } },
        ...{ overflowed: { packets: 5, bytes: 300 }, droppedByKernel: 6, droppedByInterface: 7 },
        ...{ dropsUnknown: true, rejectsLost: 8 },
        excluded: { dhcp: { packets: 9, bytes: 540 }, mine: { packets: 10, bytes: 600 } },
        gaps: [{ fromSeconds: 5, toSeconds: 6, reason: 'suspended' }],
      },
    });
  });

  test('is read whatever the order of its numbers, and stays where one of them is unknown', () => {
    const words = new Float64Array(WORDS);
    const ledger = { ...metered(3), beforeAttach: 41 };
    new LedgerSnapshot(words, RULES).write(ledger, [], PROGRESS);
    expect(readSnapshot(words, SHAPE)).toMatchObject({ ledger: { metered: { packets: 3 }, beforeAttach: 41 } });
    const fewer = { numbers: SNAPSHOT_NUMBERS.filter((number) => number !== 1), ruleNames: RULES };
    expect(readSnapshot(new Float64Array(WORDS), fewer)).toMatchObject({ ledger: { metered: { packets: 0 } } });
    const more = { numbers: [...SNAPSHOT_NUMBERS, 999], ruleNames: RULES };
    expect(readSnapshot(words, more)).toEqual({ kind: 'newer', numbers: [999] });
  });

  test('shorter than it must be is damaged', () => {
    expect(readSnapshot(new Float64Array(WORDS - 1), SHAPE)).toEqual({ kind: 'damaged' });
  });
});
