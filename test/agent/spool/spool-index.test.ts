import { describe, expect, test } from 'vitest';
import { DiskUse } from '../../../agent/spool/disk-use.ts';
import { type EvictedTotals, EvictionAlarm, overdue } from '../../../agent/spool/spool-bounds.ts';
import { SpoolIndex } from '../../../agent/spool/spool-index.ts';
import {
  formatSpoolName,
  isPiece,
  parseSpoolName,
  pieceNames,
  restoredName,
  wholesOf,
} from '../../../agent/spool/spool-name.ts';

const nameOf = (sequence: number, piece = '', spooledSeconds = 1000 + sequence) =>
  formatSpoolName({ sequence, piece, spooledSeconds });
const BLOCK = 4096;

describe('names of spool files', () => {
  test('have at least twelve digits on both sides, and no time before 1970', () => {
    expect(nameOf(42, '', 1_700_000_060)).toBe('000000000042-001700000060.flows');
    expect(nameOf(42, '01', 1_700_000_060)).toBe('000000000042.01-001700000060.flows');
    expect(nameOf(42, '', -5)).toBe('000000000042-000000000000.flows');
  });

  test.each([
    '',
    'lock',
    '00000000042-001700000060.flows',
    '0000000000000042-001700000060.flows',
    '000000000042-01700000060.flows',
    '000000000042-0000001700000060.flows',
    '000000000042.-001700000060.flows',
    '000000000042.A-001700000060.flows',
    'x000000000042-001700000060.flows',
    '000000000042-001700000060.flows.tmp',
    '000000000042-001700000060_flows',
  ])("'%s' is none", (name) => {
    expect(parseSpoolName(name)).toBeUndefined();
    expect(wholesOf(name)).toEqual([]);
  });

  test('of pieces stand for their batch, in order, up to 36 of them', () => {
    const pieces = pieceNames(nameOf(1), 36);
    expect(pieces.map((name) => parseSpoolName(name)!.piece).join('')).toBe('0123456789abcdefghijklmnopqrstuvwxyz');
    expect(pieces).toEqual(pieces.toSorted());
    expect(pieces.every(isPiece)).toBe(true);
    expect(isPiece(nameOf(1))).toBe(false);
    expect(() => pieceNames(nameOf(1), 37)).toThrow(`${nameOf(1)} cannot be cut into 37 pieces`);
    expect(() => pieceNames('lock', 2)).toThrow(new RangeError('lock cannot be cut into 2 pieces'));
  });

  test('of a batch back from the quarantine are its own, behind its pieces', () => {
    expect(parseSpoolName(restoredName(nameOf(1)))).toEqual({ sequence: 1, piece: 'r', spooledSeconds: 1001 });
    expect(restoredName(nameOf(1, '01'))).toBe(nameOf(1, '01r'));
    expect(wholesOf(nameOf(1, '01r'))).toEqual([nameOf(1), nameOf(1, '0'), nameOf(1, '01')]);
  });
});

describe('the index of a sink', () => {
  test('is empty at first', () => {
    const index = new SpoolIndex(new DiskUse());
    expect([index.size, index.bytes, index.sequenceMax, index.oldest, index.unmeasured, index.held]).toEqual([
      0,
      0,
      -1,
      undefined,
      0,
      0,
    ]);
    expect(index.forget(nameOf(1))).toBe(false);
  });

  test('learns the sizes of what an earlier run left piece by piece, and passes over what went meanwhile', () => {
    const index = new SpoolIndex(new DiskUse());
    const names = [1, 2, 3, 4, 5].map((sequence) => nameOf(sequence));
    index.load(names);
    expect([index.size, index.bytes, index.unmeasured, index.sequenceMax]).toEqual([5, 0, 5, 5]);
    expect(index.nextUnmeasured(2)).toEqual(names.slice(0, 2));
    expect(index.unmeasured).toBe(3);
    for (const name of names.slice(0, 2)) index.measure(name, 1);
    expect(index.forget(names[2]!)).toBe(true);
    index.insert([{ name: names[3]!, bytes: BLOCK + 1 }]);
    expect(index.nextUnmeasured(10)).toEqual([names[4]]);
    expect([index.unmeasured, index.nextUnmeasured(10)]).toEqual([0, []]);
    expect(index.bytesOf(names[4]!)).toBeUndefined();
    expect([index.size, index.bytes]).toEqual([4, 4 * BLOCK]);
  });

  test('takes no size for a name that it does not have, nor a second one', () => {
    const index = new SpoolIndex(new DiskUse());
    index.measure(nameOf(1), BLOCK);
    index.insert([{ name: nameOf(2), bytes: BLOCK, packets: 7 }]);
    index.measure(nameOf(2), 9 * BLOCK);
    expect([index.size, index.bytes, index.has(nameOf(1))]).toEqual([1, BLOCK, false]);
  });

  test('knows of a batch what this run wrote, until the batch goes', () => {
    const use = new DiskUse();
    const index = new SpoolIndex(use);
    index.insert([{ name: nameOf(1), bytes: 1, packets: 7 }]);
    index.hold(nameOf(1));
    index.hold(nameOf(2));
    expect([index.packetsOf(nameOf(1)), index.isHeld(nameOf(1)), index.held]).toEqual([7, true, 1]);
    expect([use.files, use.bytes]).toEqual([1, BLOCK]);
    expect(index.forget(nameOf(1))).toBe(true);
    expect([index.packetsOf(nameOf(1)), index.isHeld(nameOf(1)), index.held]).toEqual([undefined, false, 0]);
    expect([index.size, index.bytes, use.files, use.bytes, index.sequenceMax]).toEqual([0, 0, 0, 0, 1]);
  });

  test('has the new size alone of a batch that is written again', () => {
    const use = new DiskUse();
    const index = new SpoolIndex(use);
    for (const bytes of [3 * BLOCK, BLOCK]) index.insert([{ name: nameOf(1), bytes }]);
    expect([index.size, index.bytes, use.files, use.bytes]).toEqual([1, BLOCK, 1, BLOCK]);
  });

  test('stays in order, whatever comes in between', () => {
    const index = new SpoolIndex(new DiskUse());
    const insert = (...names: readonly string[]) => index.insert(names.map((name) => ({ name, bytes: 1 })));
    insert(nameOf(2), nameOf(3));
    insert(nameOf(5), nameOf(4));
    insert(...pieceNames(nameOf(2), 2));
    insert(nameOf(6));
    const expected = [nameOf(2), nameOf(2, '0'), nameOf(2, '1'), nameOf(3), nameOf(4), nameOf(5), nameOf(6)].toSorted();
    expect([...index.names()]).toEqual(expected);
    expect([index.oldest, index.sequenceMax]).toEqual([expected[0], 6]);
  });
});

describe('what is over the limits', () => {
  function queueOf(use: DiskUse, names: readonly string[], inFlight: readonly string[] = []) {
    const index = new SpoolIndex(use);
    index.insert(names.map((name) => ({ name, bytes: BLOCK })));
    return { index, isInFlight: (name: string) => inFlight.includes(name) };
  }
  const [first, second, third] = [nameOf(1), nameOf(2), nameOf(3)] as const;

  test('is nothing at the limits themselves', () => {
    const use = new DiskUse();
    const queue = queueOf(use, [first, second]);
    const bounds = { bytesMax: 2 * BLOCK, writtenSecondsMin: 1001 };
    expect(overdue([queue], use, bounds)).toEqual({ reason: 'age', due: new Map() });
  });

  test('is the oldest until the rest fits, and says that bytes were the reason', () => {
    const use = new DiskUse();
    const queue = queueOf(use, [first, second, third]);
    const bounds = { bytesMax: 2 * BLOCK - 1, writtenSecondsMin: 0 };
    expect(overdue([queue], use, bounds)).toEqual({ reason: 'bytes', due: new Map([[queue, [first, second]]]) });
  });

  test('is what was written too long ago, and says that age was the reason', () => {
    const use = new DiskUse();
    const queue = queueOf(use, [first, second, third]);
    const bounds = { bytesMax: 9 * BLOCK, writtenSecondsMin: 1003 };
    expect(overdue([queue], use, bounds)).toEqual({ reason: 'age', due: new Map([[queue, [first, second]]]) });
  });

  test('leaves what is on its way to one of those that owe it, and takes the next', () => {
    const use = new DiskUse();
    const busy = queueOf(use, [first, second, third], [first]);
    const idle = queueOf(use, [first, second, third]);
    const { due } = overdue([busy, idle], use, { bytesMax: 2 * BLOCK, writtenSecondsMin: 0 });
    expect([due.get(busy), due.get(idle)]).toEqual([[second], [second]]);
  });

  test('counts a batch of two sinks once, and pieces of one name twice', () => {
    const use = new DiskUse();
    const piece = nameOf(1, '0');
    const queues = [queueOf(use, [piece, second]), queueOf(use, [piece, second])] as const;
    expect(use.bytes).toBe(3 * BLOCK);
    const atMost = (blocks: number) => {
      const { due } = overdue(queues, use, { bytesMax: blocks * BLOCK, writtenSecondsMin: 0 });
      return queues.map((queue) => due.get(queue));
    };
    expect(atMost(2)).toEqual([[piece], undefined]);
    expect(atMost(1)).toEqual([[piece], [piece]]);
    expect(atMost(0)).toEqual([
      [piece, second],
      [piece, second],
    ]);
  });
});

describe('the alarm of evictions', () => {
  const one: EvictedTotals = { batches: 1, records: 2, packets: 3, bytes: 4 };

  test('is raised once an episode, which ends with its totals at nine tenths of the limit', () => {
    const events: unknown[] = [];
    const alarm = new EvictionAlarm({
      onEvicting: (reason) => events.push(reason),
      onEvicted: (totals) => events.push(totals),
    });
    alarm.clear(0, 100);
    alarm.raise('bytes', one);
    alarm.raise('age', one);
    alarm.clear(91, 100);
    expect(events).toEqual(['bytes']);
    alarm.clear(90, 100);
    expect(events).toEqual(['bytes', { batches: 2, records: 4, packets: 6, bytes: 8 }]);
    alarm.clear(0, 100);
    expect(events).toHaveLength(2);
    alarm.raise('age', one);
    alarm.clear(0, 100);
    expect(events.slice(2)).toEqual(['age', one]);
  });
});
