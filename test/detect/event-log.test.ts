import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EVENTS_MAX, EVENTS_OF_ANSWER_MAX, EventLog } from '../../detect/event-log.ts';
import type { Finding, FindingEvent } from '../../detect/finding.ts';

const event = (at: number): FindingEvent => ({ change: 'opened', at, finding: { id: String(at) } as Finding });
const events = (count: number): readonly FindingEvent[] =>
  Array.from({ length: count }, (_, index) => event(index + 1));

function logOf(count: number): EventLog {
  const log = new EventLog();
  log.add(events(count));
  return log;
}

const nothingLeftOut = (events: number) => expect(events).toBe(0);
const again = (log: EventLog, onLeftOut = nothingLeftOut) =>
  EventLog.restore(JSON.parse(JSON.stringify(log.snapshot())), onLeftOut);
const numbers = (log: EventLog, cursor: number, limit?: number) =>
  log.after(cursor, limit).events.map(({ sequence }) => sequence);

describe('a log of events', () => {
  test('numbers what happens, and answers what came after a cursor', () => {
    const log = logOf(3);
    expect(log.after(1)).toEqual({
      events: [
        { sequence: 2, ...event(2) },
        { sequence: 3, ...event(3) },
      ],
      cursor: 3,
      missed: 0,
    });
    expect(log.after(3)).toEqual({ events: [], cursor: 3, missed: 0 });
    expect(new EventLog().after(0)).toEqual({ events: [], cursor: 0, missed: 0 });
  });

  test('answers a limited number at a time, from which a reader goes on', () => {
    const log = logOf(EVENTS_OF_ANSWER_MAX + 5);
    const first = log.after(0);
    expect(first.events).toHaveLength(EVENTS_OF_ANSWER_MAX);
    expect(numbers(log, first.cursor)).toHaveLength(5);
    expect(numbers(log, 0, 2)).toEqual([1, 2]);
  });

  test('forgets the oldest beyond its limit, and says to whom they are missing', () => {
    const log = logOf(EVENTS_MAX + 7);
    expect(log.after(3).missed).toBe(4);
    expect(numbers(log, 3)[0]).toBe(8);
    expect(log.after(7).missed).toBe(0);
    expect(log.after(EVENTS_MAX + 7)).toEqual({ events: [], cursor: EVENTS_MAX + 7, missed: 0 });
  });

  test('takes the cursor of a log that was lost for the beginning', () => {
    expect(numbers(logOf(2), 99)).toEqual([1, 2]);
  });

  test('reads nothing twice and misses nothing, whatever is added between two answers, also over a restart', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 250 }), { maxLength: 8 }), (added) => {
        let log = new EventLog();
        let cursor = 0;
        const read: number[] = [];
        for (const count of added) {
          log.add(events(count));
          log = again(log);
          for (let after = log.after(cursor); after.events.length > 0; after = log.after(cursor)) {
            read.push(...after.events.map(({ sequence }) => sequence));
            cursor = after.cursor;
          }
        }
        const all = added.reduce((sum, count) => sum + count, 0);
        expect(read).toEqual(Array.from({ length: all }, (_, index) => index + 1));
        expect(log.cursor).toBe(all);
      }),
      { numRuns: 30 },
    );
  });

  test.each([
    undefined,
    null,
    {},
    { last: -1, events: [] },
    { last: 1.5, events: [] },
    {
      last: EVENTS_MAX + 1,
      events: Array.from({ length: EVENTS_MAX + 1 }, (_, index) => ({ sequence: index + 1, finding: {} })),
    },
  ])('is not restored from %j', (snapshot) => {
    expect(() => EventLog.restore(snapshot, nothingLeftOut)).toThrow();
  });

  test.each([
    [{ last: 3, events: [{ sequence: 3, finding: {} }] }, 0, [3]],
    [{ last: 0, events: [{ sequence: 1, finding: {} }] }, 1, []],
    [{ last: 2, events: [{ sequence: 1, finding: {} }] }, 1, []],
    [{ last: 2, events: [{ sequence: 1 }, { sequence: 2, finding: {} }] }, 1, [2]],
    [{ last: 3, events: [{ sequence: 1, finding: {} }, null, { sequence: 3, finding: {} }] }, 2, [3]],
    [{ last: 1, events: [{ sequence: 1, finding: null }] }, 1, []],
  ])('leaves out events up to the last that is invalid: %j', (snapshot, leftOut, kept) => {
    let told = 0;
    const log = EventLog.restore(snapshot, (events) => {
      told += events;
    });
    expect([told, log.cursor, numbers(log, 0)]).toEqual([leftOut, snapshot.last, kept]);
  });

  test('shows what was noted when it is said so, and has it in a snapshot before', () => {
    const log = logOf(2);
    const noted = log.note(events(2));
    log.note(events(1));
    expect([log.cursor, numbers(log, 0), log.after(2)]).toEqual([2, [1, 2], { events: [], cursor: 2, missed: 0 }]);
    expect(numbers(again(log), 0)).toEqual([1, 2, 3, 4, 5]);
    log.show(noted);
    expect([log.cursor, numbers(log, 2)]).toEqual([4, [3, 4]]);
    log.show(1);
    expect(log.cursor).toBe(4);
  });

  test('forgets none that was noted without saying that it is missing', () => {
    const log = logOf(2);
    const noted = log.note(events(EVENTS_MAX + 5));
    const before = log.after(0);
    expect(before).toEqual({ events: [], cursor: 2, missed: 2 });
    log.show(noted);
    expect(log.after(before.cursor)).toMatchObject({ missed: 5, events: { length: EVENTS_OF_ANSWER_MAX } });
  });
});
