import { describe, expect, test } from 'vitest';
import { finishedConversations } from '../../../agent/live-table/finished-flows.ts';
import { FlowTally } from '../../../agent/live-table/flow-tally.ts';
import { DEFAULT_CHOICES, viewOf } from '../../../agent/live-table/live-view.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { cursorOver } from '../../support/flow-records.ts';

const [SYN, ACK, FIN, RST] = [0x02, 0x10, 0x01, 0x04];
const TCP = { protocol: 6, source0: 1, destination0: 2, sourcePort: 4000, destinationPort: 443 };
const UDP = { ...TCP, protocol: 17 };
const BACK = { source0: 2, destination0: 1, sourcePort: 443, destinationPort: 4000 };

function record(parts: Partial<FlowRecord>): FlowRecord {
  return { ...createFlowRecord(), packets: 1, bytes: 60, ...parts };
}

/** Windows of two seconds, by their start. */
function tallyOf(windows: Readonly<Record<number, readonly Partial<FlowRecord>[]>>): FlowTally {
  const tally = new FlowTally(2, 0);
  for (const [start, parts] of Object.entries(windows)) {
    tally.add('eth0', {
      start: Number(start),
      ledger: createLedger([]),
      records: () => cursorOver(parts.map(record)),
    });
  }
  return tally;
}

const isFinished = (tally: FlowTally) => finishedConversations(tally).size > 0;

describe('a conversation is over', () => {
  test.each([
    ['closed by both sides', [{ tcpFlags: SYN | ACK | FIN }, { ...BACK, tcpFlags: SYN | ACK | FIN }], true],
    ['reset', [{ tcpFlags: SYN | ACK }, { ...BACK, tcpFlags: SYN | ACK | RST }], true],
    ['refused', [{ tcpFlags: SYN }, { ...BACK, tcpFlags: RST | ACK }], true],
    ['closed by one side', [{ tcpFlags: SYN | ACK | FIN }, { ...BACK, tcpFlags: SYN | ACK }], false],
    ['open', [{ tcpFlags: SYN | ACK }, { ...BACK, tcpFlags: SYN | ACK }], false],
  ])('where TCP is %s: %#', (_state, directions, expected) => {
    const records = directions.map((direction) => ({ ...TCP, ...direction }));
    expect(isFinished(tallyOf({ 0: records }))).toBe(false);
    expect(isFinished(tallyOf({ 0: records, 2: [] }))).toBe(expected);
    const ended = tallyOf({ 0: records });
    ended.end(2);
    expect(isFinished(ended)).toBe(expected);
  });

  test('where a datagram, or a SYN without an answer, is a minute old; an idle connection is not', () => {
    const quiet = (records: readonly Partial<FlowRecord>[], start: number) =>
      isFinished(tallyOf({ 0: records, [start]: [] }));
    expect(quiet([UDP], 56)).toBe(false);
    expect(quiet([UDP], 58)).toBe(true);
    expect(quiet([{ ...TCP, tcpFlags: SYN }], 58)).toBe(true);
    const open = { ...TCP, tcpFlags: SYN | ACK };
    expect(quiet([open, { ...open, ...BACK }], 600)).toBe(false);
  });

  test('and is left out of the table on request, in every grouping; the sums have it', () => {
    const closed = { ...TCP, tcpFlags: SYN | ACK | FIN };
    const tally = tallyOf({ 0: [closed, { ...closed, ...BACK }], 2: [UDP] });
    for (const grouping of ['flows', 'conversations', 'services'] as const) {
      const all = viewOf(tally, { ...DEFAULT_CHOICES, grouping }, 10);
      const view = viewOf(tally, { ...DEFAULT_CHOICES, grouping, hidesFinished: true }, 10);
      expect([all.count, all.finished]).toEqual([grouping === 'flows' ? 3 : 2, 0]);
      expect([view.count, view.finished, view.flows]).toEqual([1, 2, 3]);
    }
  });
});
