import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addLedger,
  createLedger,
  type Gap,
  joinGaps,
  type Ledger,
  logStatus,
  lostPackets,
  offeredBytes,
  offeredPackets,
  withCurrentNames,
} from '../../../agent/model/ledger.ts';
import { LEDGER_ROWS } from '../../../schema/ledger-numbers.ts';
import { ledger as arbitraryLedger } from '../../support/flow-records.ts';
import { ledgerWith } from '../../support/metering.ts';

const tally = (packets: number) => ({ packets, bytes: packets * 100 });

describe('the sum of a ledger', () => {
  const full = ledgerWith([], {
    metered: tally(1000),
    coarsened: tally(10),
    rejected: tally(20),
    evicted: tally(3),
    excluded: { dhcp: tally(100), kms: tally(200) },
    notIp: tally(30),
    malformed: tally(4),
    overflowed: tally(5),
    droppedByKernel: 6,
    droppedByInterface: 7,
    rejectsUnmatched: tally(8),
    rejectsLost: 9,
    beforeAttach: 11,
  });

  test('is what was offered, each packet once', () => {
    expect(offeredPackets(full)).toBe(1000 + 100 + 200 + 30 + 4 + 5 + 6 + 7);
    expect(offeredBytes(full)).toBe(100 * (1000 + 100 + 200 + 30 + 4 + 5));
  });

  test('of what was lost is all that should be in a record and is not', () => {
    expect(lostPackets(full)).toBe(3 + 5 + 6 + 7);
  });

  test('of an empty ledger is nothing', () => {
    const empty = createLedger(['dhcp']);
    expect([offeredPackets(empty), offeredBytes(empty), lostPackets(empty)]).toEqual([0, 0, 0]);
    expect(empty.excluded).toEqual({ dhcp: { packets: 0, bytes: 0 } });
  });
});

describe('ledgers that are added up', () => {
  test('offer and lose together what they did alone', () => {
    // Counters that add up exactly.
    const small = arbitraryLedger.map((each) => JSON.parse(JSON.stringify(each), halved) as Ledger);
    fc.assert(
      fc.property(small, small, (left, right) => {
        const sum = createLedger([]);
        addLedger(sum, left);
        addLedger(sum, right);
        expect(offeredPackets(sum)).toBe(offeredPackets(left) + offeredPackets(right));
        expect(offeredBytes(sum)).toBe(offeredBytes(left) + offeredBytes(right));
        expect(lostPackets(sum)).toBe(lostPackets(left) + lostPackets(right));
        expect(sum.gaps).toEqual([...left.gaps, ...right.gaps]);
        expect(sum.dropsUnknown).toBe(left.dropsUnknown || right.dropsUnknown);
      }),
    );
  });

  test('leave the one that is added as it was', () => {
    const added = ledgerWith(['dhcp'], { metered: tally(1), gaps: [] });
    const before = structuredClone(added);
    const sum = createLedger([]);
    addLedger(sum, added);
    addLedger(sum, added);
    expect(added).toEqual(before);
    expect(sum.metered).toEqual(tally(2));
  });

  test('have their exclusion rules, whatever they are called', () => {
    const sum = createLedger([]);
    for (const name of ['constructor', 'toString', 'dhcp']) {
      const ledger = createLedger([name]);
      ledger.excluded[name]!.packets = 3;
      const peer = { source: '10.0.0.1', destination: '10.0.0.2', protocol: 6, port: 22 };
      const peers = [{ ...peer, packets: 3, bytes: 120, missedBytesMax: 0 }];
      ledger.excludedPeers[name] = { peers, unlistedBytesMax: 0 };
      for (let window = 0; window < 2; window++) addLedger(sum, ledger);
      expect(sum.excludedPeers[name]!.peers[0]).toMatchObject({ packets: 6, bytes: 240 });
    }
    expect(offeredPackets(sum)).toBe(18);
  });
});

function halved(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.floor(value / 2 ** 12) : value;
}

describe('the status of a window', () => {
  const gap: Gap = { fromSeconds: 1, toSeconds: 2, reason: 'suspended' };
  test.each<[string, Partial<Ledger>, string]>([
    ['nothing', {}, 'NODATA'],
    ['nothing but excluded packets', { excluded: { dhcp: tally(5) } }, 'NODATA'],
    ['nothing but frames without IP', { notIp: tally(5), malformed: tally(1) }, 'NODATA'],
    ['records', { metered: tally(1) }, 'OK'],
    ['rejected records', { metered: tally(1), rejected: tally(1) }, 'OK'],
    ['packets that came before capture', { metered: tally(1), beforeAttach: 5 }, 'SKIPDATA'],
    ['drops that nobody counts', { metered: tally(1), dropsUnknown: true }, 'OK'],
    ['coarser records', { metered: tally(1), coarsened: tally(1) }, 'SKIPDATA'],
    ['records that are lost', { metered: tally(1), evicted: tally(1) }, 'SKIPDATA'],
    ['packets that found no room', { overflowed: tally(1) }, 'SKIPDATA'],
    ['packets that the kernel dropped', { droppedByKernel: 1 }, 'SKIPDATA'],
    ['packets that the interface dropped', { droppedByInterface: 1 }, 'SKIPDATA'],
    ['verdicts that are lost', { metered: tally(1), rejectsLost: 1 }, 'SKIPDATA'],
    ['a gap', { metered: tally(1), gaps: [gap] }, 'SKIPDATA'],
    ['a gap and nothing else', { gaps: [gap] }, 'SKIPDATA'],
  ])('with %s is %s', (_what, parts, status) => expect(logStatus(ledgerWith([], parts))).toBe(status));
});

describe('gaps', () => {
  const gapAt = (fromSeconds: number, toSeconds: number, reason: Gap['reason'] = 'suspended'): Gap => ({
    ...{ fromSeconds, toSeconds, reason },
  });

  test('stay as they are while there are few', () => {
    const gaps = [gapAt(1, 2), gapAt(3, 4)];
    joinGaps(gaps, 2);
    expect(gaps).toEqual([gapAt(1, 2), gapAt(3, 4)]);
  });

  test('over the limit become one with the time between them', () => {
    const gaps = [gapAt(1, 2), gapAt(5, 6, 'interface-gone'), gapAt(3, 4), gapAt(7, 9)];
    joinGaps(gaps, 2);
    expect(gaps).toEqual([gapAt(1, 2), gapAt(3, 9, 'interface-gone')]);
  });

  test('never hide a moment that one of them had', () => {
    const arbitraryGap = fc.tuple(fc.nat(100), fc.nat(10)).map(([from, seconds]) => gapAt(from, from + seconds));
    fc.assert(
      fc.property(fc.array(arbitraryGap, { maxLength: 8 }), fc.integer({ min: 1, max: 4 }), (all, max) => {
        const gaps = [...all];
        joinGaps(gaps, max);
        expect(gaps.length).toBeLessThanOrEqual(Math.max(max, 0));
        for (const { fromSeconds, toSeconds } of all) {
          const isCovered = gaps.some((gap) => gap.fromSeconds <= fromSeconds && toSeconds <= gap.toSeconds);
          expect(isCovered).toBe(true);
        }
      }),
    );
  });
});

test('a ledger of version 0.1 is read under the names of today', () => {
  const renamed = LEDGER_ROWS.filter(({ former }) => former !== undefined);
  expect(renamed.length).toBeGreaterThan(0);
  const today = ledgerWith(['dhcp'], { metered: tally(7), coarsened: tally(2), evicted: tally(1) });
  const former = Object.fromEntries(
    Object.entries(today).map(([name, value]) => [
      renamed.find((row) => row.name === name)?.former?.name ?? name,
      value,
    ]),
  );
  expect(former).not.toEqual(today);
  expect(withCurrentNames(former as unknown as Ledger)).toEqual(today);
  expect(withCurrentNames(today)).toEqual(today);
});
