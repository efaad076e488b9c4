import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FindingEvent } from '../../detect/finding.ts';
import { FindingsBook } from '../../detect/findings-book.ts';
import type { Signal } from '../../detect/signal.ts';
import { CATALOGUE } from './catalogue.ts';

const T = 1_700_000_000;
const ATTACKER = '203.0.113.66';
const VICTIM = '10.0.1.1';

function scan(until: number, changes: Partial<Signal> = {}): Signal {
  return {
    rule: 'scan-ports',
    severity: 'medium',
    subject: { srcaddr: ATTACKER, dstaddr: VICTIM },
    figures: { ports: 15 },
    since: until - 60,
    until,
    isCoarse: false,
    ...changes,
  };
}
const of = (number: number) => ({ subject: { srcaddr: `198.18.0.${number}`, dstaddr: VICTIM } });
const refused = (until: number, port = 8000): Signal =>
  scan(until, { rule: 'refused', subject: { server: VICTIM, port }, figures: { refused: 60 } });
const told = (events: readonly FindingEvent[]) => events.map(({ change, finding }) => `${change} ${finding.rule}`);
type Snapshot = { readonly findings: object[]; readonly suppressions: object[] };
/** As the log service does it. */
const swept = (book: FindingsBook, from: number, until: number): readonly FindingEvent[] =>
  Array.from({ length: Math.ceil((until - from) / 10) }, (_, sweep) =>
    Math.min(until, from + 10 * (sweep + 1)),
  ).flatMap((now) => book.closeQuiet(now));
const newBook = (limits = {}) => new FindingsBook(CATALOGUE, limits);
const nothingLeftOut = (place: string) => expect(place).toBe('none');
const again = (book: FindingsBook, limits = {}) =>
  FindingsBook.restore(CATALOGUE, JSON.parse(JSON.stringify(book.snapshot())), nothingLeftOut, limits);

describe('one cause is one finding', () => {
  test('however many windows show it, with its latest figures and its worst severity', () => {
    const book = newBook();
    expect(told(book.record([scan(T)], T))).toEqual(['opened scan-ports']);
    expect(told(book.record([scan(T + 60, { severity: 'high', figures: { ports: 300 } })], T + 60))).toEqual([
      'worsened scan-ports',
    ]);
    expect(book.record([scan(T + 120, { figures: { ports: 20 } })], T + 120)).toEqual([]);
    expect(book.list()).toMatchObject([
      {
        state: 'open',
        severity: 'medium',
        worstSeverity: 'high',
        figures: { ports: 20 },
        firstSeen: T - 60,
        lastSeen: T + 120,
        openedAt: T,
        windows: 3,
        times: 1,
      },
    ]);
    expect(book.counts).toMatchObject({ opened: 1, repeated: 0, closed: 0 });
  });

  test('a signal of what was seen before is no further window of it, nor does it keep it open', () => {
    const book = newBook();
    book.record([scan(T)], T);
    book.record([scan(T)], T + 60);
    expect(book.list()[0]).toMatchObject({ windows: 1, lastSeen: T });
    expect(told(book.record([scan(T)], T + 900))).toEqual(['closed scan-ports']);
    expect(book.record([scan(T)], T + 960)).toEqual([]);
    expect(book.list()[0]).toMatchObject({ state: 'closed', closedAt: T + 900 });
  });

  test('it is closed after the time of its rule, not before', () => {
    const book = newBook();
    book.record([scan(T)], T);
    expect(book.record([], T + 899)).toEqual([]);
    expect(told(book.record([], T + 900))).toEqual(['closed scan-ports']);
    expect(book.openBySeverity()).toEqual({ low: 0, medium: 0, high: 0, critical: 0 });
  });

  test('seen again it is the same finding, repeated, and is closed again', () => {
    const book = newBook();
    const [{ finding }] = book.record([scan(T)], T) as [FindingEvent];
    book.record([], T + 900);
    expect(told(book.record([scan(T + 5000)], T + 5000))).toEqual(['repeated scan-ports']);
    expect(book.list()).toMatchObject([
      { id: finding.id, state: 'repeated', firstSeen: T - 60, openedAt: T + 5000, times: 2, windows: 2 },
    ]);
    expect(book.list()[0]!.closedAt).toBeUndefined();
    expect(told(book.record([], T + 5900))).toEqual(['closed scan-ports']);
    expect(book.counts).toMatchObject({ opened: 1, repeated: 1, closed: 2 });
  });

  test('another subject or another rule is another finding with an id of its own, the same in each process', () => {
    const book = newBook();
    const ids = (events: readonly FindingEvent[]) => events.map((event) => event.finding.id);
    const signals = [scan(T), scan(T, of(1)), refused(T), refused(T, 8001)];
    const first = ids(book.record(signals, T));
    expect(new Set(first).size).toBe(4);
    expect(first.every((id) => /^[\da-f]{16}$/.test(id))).toBe(true);
    expect(ids(newBook().record(signals.toReversed(), T)).toReversed()).toEqual(first);
    expect(book.find(first[2]!)).toMatchObject({ rule: 'refused', subject: { port: 8000 } });
    expect(book.find('0000000000000000')).toBeUndefined();
  });

  test('it is closed after the same time of quiet, though no window ends, by the own clock', () => {
    const book = newBook();
    const own = T + 5_000_000;
    book.record([scan(T)], T, own);
    book.record([scan(T + 60)], T + 60, own + 100);
    expect(swept(book, own + 100, own + 999)).toEqual([]);
    const [event, ...others] = book.closeQuiet(own + 1000);
    expect([others, event]).toMatchObject([[], { change: 'closed', at: T + 960, finding: { closedAt: T + 960 } }]);
    expect([book.list()[0]!.state, book.closeQuiet(own + 9999), book.counts.closed]).toEqual(['closed', [], 1]);
    expect(told(book.record([scan(T + 1000)], T + 1000, own + 1040))).toEqual(['repeated scan-ports']);
  });

  test('quiet begins with a restart, and old news is no news', () => {
    const book = newBook();
    book.record([scan(T)], T);
    const restored = again(book);
    expect(restored.closeQuiet(T + 5000)).toEqual([]);
    expect(swept(restored, T + 5000, T + 5500)).toEqual([]);
    restored.record([scan(T)], T, T + 5500);
    expect(told(swept(restored, T + 5500, T + 5900))).toEqual(['closed scan-ports']);
  });

  test('a clock that is set forward closes nothing, and no time of an event is still to come', () => {
    const book = newBook();
    const early = 100;
    book.record([scan(early - 10)], early, early);
    const restored = again(book);
    restored.closeQuiet(early);
    restored.closeQuiet(early + 10);
    for (const set of [book, restored]) {
      expect(set.closeQuiet(T)).toEqual([]);
      expect(set.closeQuiet(T + 10)).toEqual([]);
      const [closed] = swept(set, T + 10, T + 1000);
      expect(closed).toMatchObject({ change: 'closed', at: early - 10 + 900 });
    }
  });

  test('one that was last seen by a clock that is ahead closes now, not later', () => {
    const book = newBook();
    book.record([scan(T + 110)], T, T);
    const [closed] = swept(book, T, T + 1000);
    expect(closed!.at).toBe(T + 900);
  });

  test('a clock that is set back lets what is quiet close after its time', () => {
    const book = newBook();
    book.record([scan(T)], T, T + 86_400);
    expect(swept(book, T, T + 890)).toEqual([]);
    expect(told(swept(book, T + 890, T + 910))).toEqual(['closed scan-ports']);
  });

  test('the order of the columns of a subject does not matter', () => {
    const book = newBook();
    book.record([scan(T)], T);
    book.record([scan(T + 60, { subject: { dstaddr: VICTIM, srcaddr: ATTACKER } })], T + 60);
    expect(book.list()).toMatchObject([{ windows: 2 }]);
  });
});

describe('one finding explains another', () => {
  test.each([
    ['in the same window', 0],
    ['that comes later', 60],
  ])('the scan explains the refusals %s', (_, later) => {
    const book = newBook();
    book.record([refused(T), ...(later === 0 ? [scan(T)] : [])], T);
    if (later > 0) book.record([scan(T + later)], T + later);
    const [cause] = book.list({ rule: 'scan-ports' });
    expect(book.list({ rule: 'refused' })).toMatchObject([{ explainedBy: [cause!.id] }]);
    expect(cause!.explainedBy).toEqual([]);
  });

  test('not that of another host, nor one of hours before', () => {
    const book = newBook();
    book.record([scan(T)], T);
    book.record([refused(T + 7200), scan(T + 7200, { subject: { srcaddr: ATTACKER, dstaddr: '10.0.1.2' } })], T + 7200);
    expect(book.list({ rule: 'refused' })[0]!.explainedBy).toEqual([]);
  });

  test('what does not answer a scan is explained by client and port', () => {
    const book = newBook();
    const unanswered = scan(T, { rule: 'unanswered', subject: { client: ATTACKER, server: '10.0.3.9', port: 22 } });
    const other = scan(T, { rule: 'unanswered', subject: { client: '10.0.0.4', server: '10.0.3.9', port: 389 } });
    const hosts = scan(T, { rule: 'scan-hosts', subject: { srcaddr: ATTACKER, dstport: 22 } });
    book.record([unanswered, other, hosts], T);
    const explained = book.list({ rule: 'unanswered' }).filter(({ explainedBy }) => explainedBy.length > 0);
    expect(explained.map(({ subject }) => subject['client'])).toEqual([ATTACKER]);
  });

  test('by at most ten others', () => {
    const book = newBook();
    book.record([refused(T), ...Array.from({ length: 30 }, (_, number) => scan(T, of(number)))], T);
    expect(book.list({ rule: 'refused' })[0]!.explainedBy).toHaveLength(10);
  });
});

describe('people', () => {
  test('acknowledge a finding with a comment of limited length', () => {
    const book = newBook();
    const [{ finding }] = book.record([scan(T)], T) as [FindingEvent];
    expect(book.acknowledge(finding.id, 'ours', T + 5)).toMatchObject({
      acknowledgement: { at: T + 5, comment: 'ours' },
    });
    book.record([scan(T + 60)], T + 60);
    expect(book.list()[0]!.acknowledgement).toEqual({ at: T + 5, comment: 'ours' });
    book.record([], T + 2000);
    expect(book.acknowledge(finding.id, 'x'.repeat(5000), T + 2001)!.acknowledgement!.comment).toHaveLength(1000);
    const { acknowledgement } = book.acknowledge(finding.id, 'a\u0000\u001b[2J\nb\ud800\u{1f642}', T + 2002)!;
    expect(acknowledgement!.comment).toBe('a  [2J b \u{1f642}');
    expect(book.list()[0]!.state).toBe('closed');
    expect(book.acknowledge('0000000000000000', '', T)).toBeUndefined();
  });

  test('suppress a peer for some time: what is open is closed, and its signals are counted', () => {
    const book = newBook();
    book.record([scan(T), scan(T, of(1))], T);
    const suppression = book.suppress({ peer: '203.0.113.0/24', until: T + 1000, comment: 'scanner' }, T);
    expect(book.list({ states: ['open'] }).map(({ subject }) => subject['srcaddr'])).toEqual(['198.18.0.1']);
    expect(book.record([scan(T + 60)], T + 60)).toEqual([]);
    expect(book.counts.suppressed).toBe(1);
    expect(book.suppressions).toEqual([suppression]);
    expect(told(book.record([scan(T + 1000)], T + 1000))).toContain('repeated scan-ports');
    expect(book.suppressions).toEqual([]);
  });

  test('suppress a rule, a rule for a peer, and release it', () => {
    const book = newBook();
    const { id } = book.suppress({ rule: 'refused' }, T);
    book.suppress({ rule: 'scan-ports', peer: '198.18.0.1' }, T);
    expect(told(book.record([refused(T), scan(T), scan(T, of(1)), scan(T, of(2))], T))).toEqual([
      'opened scan-ports',
      'opened scan-ports',
    ]);
    expect([book.release(id), book.release(id)]).toEqual([true, false]);
    expect(told(book.record([refused(T + 60)], T + 60))).toEqual(['opened refused']);
  });

  test.each([
    [{}, /expected a rule, a peer, or both/],
    [{ rule: 'scan-port' }, /invalid value 'scan-port': expected an analysis that makes findings/],
    [{ rule: 'top-talkers' }, /expected an analysis that makes findings/],
    [{ peer: 'host' }, /invalid value 'host': expected an address or a prefix/],
    [{ rule: 'refused', until: T }, /expected an end in the future/],
  ])('a suppression %j is refused', (request, sentence) => {
    const book = newBook();
    expect(() => book.suppress(request, T)).toThrow(sentence);
    expect(book.suppressions).toEqual([]);
  });

  test('what is over does not count to the limit of suppressions', () => {
    const book = newBook();
    for (let index = 0; index < 200; index++) book.suppress({ rule: 'refused', until: T + 60 }, T);
    expect(() => book.suppress({ rule: 'refused' }, T + 59)).toThrow(/limit; release one first/);
    const { id } = book.suppress({ rule: 'refused' }, T + 60);
    expect(book.suppressions.map((each) => each.id)).toEqual([id]);
  });

  test('at most 200 suppressions, with ids that are not used twice', () => {
    const book = newBook();
    const ids = Array.from({ length: 200 }, () => book.suppress({ rule: 'refused' }, T).id);
    expect(new Set(ids).size).toBe(200);
    expect(() => book.suppress({ rule: 'refused' }, T)).toThrow(/limit; release one first/);
    book.release(ids[0]!);
    expect(ids).not.toContain(book.suppress({ rule: 'refused' }, T).id);
  });
});

describe('limits', () => {
  test('of open findings: the more severe takes the place of the least, others are left out, both counted', () => {
    const book = newBook({ openMax: 3 });
    book.record([scan(T, of(1)), scan(T, { ...of(2), severity: 'low' }), scan(T, { ...of(3), severity: 'high' })], T);
    expect(told(book.record([scan(T, of(4))], T))).toEqual(['opened scan-ports']);
    expect(told(book.record([scan(T, of(5)), scan(T, { ...of(6), severity: 'low' })], T))).toEqual([]);
    expect(book.list().map(({ subject }) => subject['srcaddr'])).toEqual(['198.18.0.3', '198.18.0.1', '198.18.0.4']);
    expect(book.counts).toMatchObject({ opened: 4, evictedOpen: 3 });
  });

  test('of closed findings: the one that was closed first goes first', () => {
    const book = newBook({ closedMax: 2 });
    for (const number of [1, 2, 3]) {
      book.record([scan(T + number * 1000, of(number))], T + number * 1000);
      book.record([], T + number * 1000 + 900);
    }
    expect(book.list().map(({ subject }) => subject['srcaddr'])).toEqual(['198.18.0.3', '198.18.0.2']);
    expect(book.counts).toMatchObject({ closed: 3, evictedClosed: 1 });
  });

  test('hold for any signals, every finding is one cause, and the counters add up', () => {
    const signal = fc.record({
      number: fc.nat(30),
      severity: fc.constantFrom('low', 'medium', 'high', 'critical'),
      age: fc.nat(1200),
    });
    fc.assert(
      fc.property(fc.array(fc.array(signal, { maxLength: 20 }), { maxLength: 30 }), (windows) => {
        let book = newBook({ openMax: 10, closedMax: 5 });
        for (const [index, window] of windows.entries()) {
          const now = T + index * 300;
          book.record(
            window.map(({ number, severity, age }) => scan(now - age, { ...of(number), severity })),
            now,
          );
          if (index % 7 === 3) book = again(book, { openMax: 10, closedMax: 5 });
          const findings = book.list();
          const open = findings.filter(({ state }) => state !== 'closed');
          expect(open.length).toBeLessThanOrEqual(10);
          expect(findings.length - open.length).toBeLessThanOrEqual(5);
          expect(new Set(findings.map(({ id }) => id)).size).toBe(findings.length);
          expect(findings.every(({ firstSeen, lastSeen }) => firstSeen <= lastSeen)).toBe(true);
          expect(open.every(({ lastSeen }) => now - lastSeen < 900)).toBe(true);
          const { opened, repeated, closed } = book.counts;
          expect(opened + repeated).toBeGreaterThanOrEqual(open.length + closed);
        }
      }),
    );
  });
});

describe('a restart', () => {
  test('keeps findings, suppressions and counters, and continues', () => {
    const book = newBook();
    const [{ finding }] = book.record([scan(T), scan(T, of(1))], T) as [FindingEvent];
    book.acknowledge(finding.id, 'ours', T);
    book.suppress({ rule: 'refused', until: T + 9000, comment: 'known' }, T);
    book.record([scan(T + 600)], T + 900);
    const restored = again(book);
    expect(restored.list()).toEqual(book.list());
    expect(restored.list().map(({ state }) => state)).toEqual(['open', 'closed']);
    expect(restored.suppressions).toEqual(book.suppressions);
    expect(restored.counts).toEqual(book.counts);
    expect(restored.record([scan(T + 960), refused(T + 960)], T + 960)).toEqual([]);
    expect(restored.list()[0]).toMatchObject({ id: finding.id, windows: 3 });
    expect(restored.suppress({ rule: 'refused' }, T).id).not.toBe(book.suppressions[0]!.id);
  });

  test('leaves out findings of rules that are gone', () => {
    const book = newBook();
    book.record([scan(T), refused(T)], T);
    const without = CATALOGUE.filter(({ name }) => name !== 'refused');
    expect(
      FindingsBook.restore(without, book.snapshot(), nothingLeftOut)
        .list()
        .map(({ rule }) => rule),
    ).toEqual(['scan-ports']);
  });

  const damaged = (damage: (snapshot: Snapshot) => void, onLeftOut = nothingLeftOut) => {
    const book = newBook();
    book.record([scan(T), scan(T, of(1))], T);
    book.acknowledge(book.list()[0]!.id, '', T);
    book.suppress({ rule: 'refused' }, T);
    book.suppress({ peer: '192.0.2.1' }, T);
    const snapshot = JSON.parse(JSON.stringify(book.snapshot()));
    damage(snapshot);
    return FindingsBook.restore(CATALOGUE, snapshot, onLeftOut);
  };

  test('refuses what is no snapshot, with the place', () => {
    const restore = (damage: (snapshot: Snapshot) => void) => () => damaged(damage);
    expect(restore(() => {})).not.toThrow();
    expect(restore((snapshot) => Object.assign(snapshot, { version: 2 }))).toThrow('version 2');
    expect(restore((snapshot) => Object.assign(snapshot, { findings: {} }))).toThrow('findings is invalid');
    expect(restore((snapshot) => Object.assign(snapshot, { counts: { opened: 1 } }))).toThrow('counts.repeated');
    for (const nothing of [undefined, null, 5, 'text', []]) {
      expect(() => FindingsBook.restore(CATALOGUE, nothing, nothingLeftOut)).toThrow();
    }
  });

  test('leaves out a finding that is invalid, or a suppression, and keeps the others', () => {
    const restored = (damage: (snapshot: Snapshot) => void) => {
      const leftOut: string[] = [];
      const book = damaged(damage, (place) => leftOut.push(place));
      return [leftOut, book.list().length, book.suppressions.length];
    };
    for (const [member, value] of Object.entries({
      id: 'x',
      rule: 5,
      subject: { srcaddr: null },
      state: 'ajar',
      severity: 'bad',
      worstSeverity: null,
      figures: { ports: null },
      isCoarse: 1,
      lastSeen: 'now',
      closedAt: 5,
      explainedBy: [5],
      acknowledgement: { at: 5 },
    }))
      expect(
        restored(({ findings }) => Object.assign(findings[0]!, { [member]: value })),
        member,
      ).toEqual([['findings[0]'], 1, 2]);
    for (const subject of [{ srcaddr: 'x'.repeat(101) }, { port: 1.5 }, { port: 2 ** 60 }])
      expect(restored(({ findings }) => Object.assign(findings[1]!, { subject }))).toEqual([['findings[1]'], 1, 2]);
    for (const damage of [{ rule: 5 }, { peer: 'host' }, { until: 'tomorrow' }, { id: 1 }])
      expect(restored(({ suppressions }) => Object.assign(suppressions[1]!, damage))).toEqual([
        ['suppressions[1]'],
        2,
        1,
      ]);
  });
});
