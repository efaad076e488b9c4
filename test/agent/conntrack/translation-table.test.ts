import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TranslationTable, UNMATCHED } from '../../../agent/conntrack/translation-table.ts';
import { TUPLE_WORDS } from '../../../agent/conntrack/tuple.ts';
import { connectionOf, endsOf, tupleOf, turned } from '../../support/conntrack-connection.ts';
import type { Ends, TrackedConnection } from '../../support/ctnetlink.ts';

const TCP = 6;
const ICMP = 1;

function ends(source: string, sourcePort: number, destination: string, destinationPort: number): Required<Ends> {
  return { source, destination, sourcePort, destinationPort };
}

const CLIENT = '10.0.0.2';
const SERVER = '192.0.2.2';
const PUBLIC = '192.0.2.1';

/** A client behind the host, whose packets leave with the host's address and this port. */
function masqueraded(clientPort: number, publicPort = clientPort, client = CLIENT): TrackedConnection {
  return {
    protocol: TCP,
    original: ends(client, clientPort, SERVER, 443),
    reply: ends(SERVER, 443, PUBLIC, publicPort),
  };
}

function newTable(entriesMax = 1000): TranslationTable {
  return new TranslationTable({ entriesMax, seed: 42 });
}

/** The other side of packets with these ends, where it differs, and whether they go the way of the first packet. */
function lookUp(table: TranslationTable, seen: Ends, protocol = TCP, firstMs = 1000, lastMs = firstMs) {
  const family = seen.source.includes(':') ? 6 : 4;
  const match = table.find(tupleOf(seen), family, protocol, firstMs, lastMs);
  if (match === UNMATCHED) return 'unmatched';
  const other = new Int32Array(TUPLE_WORDS);
  const isTranslated = table.otherSide(match, other);
  const direction = table.isOriginal(match) ? 'original' : 'reply';
  return { direction, other: isTranslated ? endsOf(family, other) : 'same' };
}

describe('a connection', () => {
  test.each([
    ['of a masqueraded client', masqueraded(40_000, 50_000)],
    [
      'to a service behind the host',
      {
        protocol: TCP,
        original: ends(SERVER, 40_000, PUBLIC, 8443),
        reply: ends(CLIENT, 8080, SERVER, 40_000),
      },
    ],
    [
      'between two behind the host, by its public address',
      {
        protocol: TCP,
        original: ends(CLIENT, 40_000, PUBLIC, 8443),
        reply: ends('10.0.0.3', 8080, '10.0.0.1', 50_000),
      },
    ],
    [
      'over IPv6',
      {
        protocol: 17,
        original: ends('fd60:1::2', 40_000, '2001:db8::2', 53),
        reply: ends('2001:db8::2', 53, '2001:db8::1', 40_000),
      },
    ],
    ['of pings', { protocol: ICMP, original: ends(CLIENT, 0, SERVER, 0), reply: ends(SERVER, 0, PUBLIC, 0) }],
  ] satisfies [string, TrackedConnection][])('%s is found on both sides, in both directions', (_, tracked) => {
    const table = newTable();
    table.alive(connectionOf(tracked), 0, 0);
    const { original, reply, protocol } = tracked;
    const [before, after] = [original, turned(reply)] as const;
    expect(lookUp(table, before, protocol)).toEqual({ direction: 'original', other: after });
    expect(lookUp(table, after, protocol)).toEqual({ direction: 'original', other: before });
    expect(lookUp(table, turned(before), protocol)).toEqual({ direction: 'reply', other: turned(after) });
    expect(lookUp(table, turned(after), protocol)).toEqual({ direction: 'reply', other: turned(before) });
    expect(lookUp(table, before, protocol === TCP ? 17 : TCP)).toBe('unmatched');
  });

  test('that is not translated is the same on both sides', () => {
    const table = newTable();
    const original = ends(CLIENT, 40_000, SERVER, 443);
    table.alive(connectionOf({ protocol: TCP, original, reply: turned(original) }), 0, 0);
    expect(lookUp(table, original)).toEqual({ direction: 'original', other: 'same' });
    expect(lookUp(table, turned(original))).toEqual({ direction: 'reply', other: 'same' });
  });

  test('is found as long as it may have lived, and after its end until it expires', () => {
    const table = newTable();
    const tracked = masqueraded(40_000);
    table.alive(connectionOf(tracked), 1000, 1100);
    table.destroyed(connectionOf(tracked), 5000, 5100);
    expect(lookUp(table, tracked.original, TCP, 0, 999)).toBe('unmatched');
    expect(lookUp(table, tracked.original, TCP, 0, 1000)).not.toBe('unmatched');
    expect(lookUp(table, tracked.original, TCP, 5100, 6000)).not.toBe('unmatched');
    expect(lookUp(table, tracked.original, TCP, 5101, 6000)).toBe('unmatched');
    table.expire(5100);
    expect(table.size).toBe(1);
    table.expire(5101);
    expect(table.size).toBe(0);
    expect(lookUp(table, tracked.original, TCP, 0, 6000)).toBe('unmatched');
  });

  test('that nobody told the beginning of is known from its end', () => {
    const table = newTable();
    table.destroyed(connectionOf(masqueraded(40_000)), 500, 5000);
    expect(lookUp(table, masqueraded(40_000).original, TCP, 600)).not.toBe('unmatched');
    table.expire(5001);
    expect(table.size).toBe(0);
  });

  test('lives from when the kernel says that it began, and a second more', () => {
    const table = newTable();
    const tracked = masqueraded(40_000);
    table.alive(connectionOf({ ...tracked, startNanoseconds: 9_000_000_000n }), 0, 10_000);
    expect(lookUp(table, tracked.original, TCP, 7999)).toBe('unmatched');
    expect(lookUp(table, tracked.original, TCP, 8000)).not.toBe('unmatched');
  });

  test('that seems to begin in the future, because the clock was set back, is known all the same', () => {
    const table = newTable();
    const tracked = masqueraded(40_000);
    table.alive(connectionOf({ ...tracked, startNanoseconds: 9_000_000_000n }), 1000, 2000);
    expect(lookUp(table, tracked.original, TCP, 1000)).not.toBe('unmatched');
  });
});

describe('a port that is used again', () => {
  const [first, second] = [masqueraded(40_000, 50_000), masqueraded(41_000, 50_000, '10.0.0.9')];
  const seen = turned(first.reply);

  test('belongs to the connection of the time', () => {
    const table = newTable();
    table.alive(connectionOf(first), 1000, 1000);
    table.destroyed(connectionOf(first), 2000, 2000);
    table.alive(connectionOf(second), 3000, 3000);
    expect(lookUp(table, seen, TCP, 1500)).toEqual({ direction: 'original', other: first.original });
    expect(table.isAmbiguous).toBe(false);
    expect(lookUp(table, seen, TCP, 3500)).toEqual({ direction: 'original', other: second.original });
    expect(table.isAmbiguous).toBe(false);
  });

  test('belongs to the later one where the time fits both, and that is said', () => {
    const table = newTable();
    table.alive(connectionOf(first), 1000, 1000);
    table.destroyed(connectionOf(first), 2000, 2000);
    table.alive(connectionOf(second), 3000, 3000);
    expect(lookUp(table, seen, TCP, 1500, 3500)).toEqual({ direction: 'original', other: second.original });
    expect(table.isAmbiguous).toBe(true);
  });

  test('is not ambiguous where the translation is the same', () => {
    const table = newTable();
    table.alive(connectionOf(first), 1000, 1000);
    table.destroyed(connectionOf(first), 2000, 2000);
    table.alive(connectionOf(first), 3000, 3000);
    expect(lookUp(table, seen, TCP, 1500, 3500)).toEqual({ direction: 'original', other: first.original });
    expect(table.isAmbiguous).toBe(false);
    expect(table.size).toBe(1);
  });

  test('ends the connection that had it, though nobody said so', () => {
    const table = newTable();
    table.alive(connectionOf(masqueraded(40_000, 50_000)), 0, 0);
    table.alive(connectionOf(masqueraded(40_000, 50_001)), 1000, 1000);
    expect(lookUp(table, turned(masqueraded(40_000, 50_000).reply), TCP, 1001)).toBe('unmatched');
    expect(lookUp(table, turned(masqueraded(40_000, 50_001).reply), TCP, 1001)).not.toBe('unmatched');
  });
});

describe('pings between two hosts', () => {
  const ping: TrackedConnection = {
    protocol: ICMP,
    original: ends(CLIENT, 0, SERVER, 0),
    reply: ends(SERVER, 0, PUBLIC, 0),
  };

  test('share an entry, which ends with the last', () => {
    const table = newTable();
    for (let count = 0; count < 3; count++) table.alive(connectionOf(ping), 0, 0);
    expect(table.size).toBe(1);
    for (const nowMs of [1000, 2000]) table.destroyed(connectionOf(ping), 0, nowMs);
    expect(lookUp(table, ping.original, ICMP, 5000)).not.toBe('unmatched');
    table.destroyed(connectionOf(ping), 0, 3000);
    expect(lookUp(table, ping.original, ICMP, 5000)).toBe('unmatched');
  });

  test('are counted anew by a list', () => {
    const table = newTable();
    for (let count = 0; count < 3; count++) table.alive(connectionOf(ping), 0, 0);
    table.beginList();
    table.alive(connectionOf(ping), 0, 100);
    table.endList(100);
    table.destroyed(connectionOf(ping), 0, 200);
    expect(lookUp(table, ping.original, ICMP, 300)).toBe('unmatched');
  });
});

describe('a list of all connections', () => {
  test('ends those that are not on it', () => {
    const table = newTable();
    for (const port of [1, 2, 3]) table.alive(connectionOf(masqueraded(port)), 0, 0);
    table.beginList();
    table.alive(connectionOf(masqueraded(2)), 0, 500);
    table.endList(500);
    expect([1, 2, 3].map((port) => lookUp(table, masqueraded(port).original, TCP, 501) !== 'unmatched')).toEqual([
      false,
      true,
      false,
    ]);
  });
});

describe('a full table', () => {
  test('lets what ended first go, and then takes no more', () => {
    const table = newTable(3);
    for (const port of [1, 2, 3]) table.alive(connectionOf(masqueraded(port)), 0, 0);
    table.destroyed(connectionOf(masqueraded(2)), 0, 100);
    table.destroyed(connectionOf(masqueraded(1)), 0, 200);
    const isKnown = (port: number) => lookUp(table, masqueraded(port).original, TCP, 50) !== 'unmatched';
    table.alive(connectionOf(masqueraded(4)), 0, 300);
    expect([1, 2, 3, 4].map(isKnown)).toEqual([true, false, true, true]);
    table.alive(connectionOf(masqueraded(5)), 0, 400);
    table.alive(connectionOf(masqueraded(6)), 0, 500);
    expect([1, 3, 4, 5, 6].map(isKnown)).toEqual([false, true, true, true, false]);
    expect(table.counters).toEqual({ evicted: 2, refused: 1 });
  });

  test('is no slower for many connections with one tuple', () => {
    const table = newTable(50_000);
    const { original } = masqueraded(40_000);
    for (let port = 1; port <= 40_000; port++) {
      table.alive(connectionOf(masqueraded(40_000, port)), port, port);
    }
    expect(table.size).toBe(40_000);
    expect(lookUp(table, original, TCP, 40_000)).toMatchObject({ other: { sourcePort: 40_000 } });
    table.expire(39_000);
    expect(lookUp(table, original, TCP, 40_000)).toMatchObject({ other: { sourcePort: 40_000 } });
  });
});

/** What the table must know, the slow way. */
interface Kept {
  readonly tracked: TrackedConnection;
  readonly sinceMs: number;
  untilMs: number;
}

function fits({ tracked, sinceMs, untilMs }: Kept, seen: Ends, atMs: number): boolean {
  const { original, reply } = tracked;
  const sides = [original, turned(original), reply, turned(reply)].map((side) => JSON.stringify(side));
  return sides.includes(JSON.stringify(seen)) && sinceMs <= atMs && untilMs >= atMs;
}

describe('whatever happens', () => {
  const host = fc.constantFrom(CLIENT, '10.0.0.3', SERVER);
  const port = fc.integer({ min: 1, max: 3 });
  const step = fc.record({
    action: fc.constantFrom('alive', 'alive', 'destroyed', 'expire'),
    client: host,
    clientPort: port,
    publicPort: port,
  });

  test('it finds a connection exactly when one with that tuple lived at the time', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, isGrown) => {
        const table = newTable(4096);
        // Entries of another host, so that the table has to grow in the middle.
        for (let at = 0; isGrown && at < 1020; at++) table.alive(connectionOf(masqueraded(at + 1000)), 0, 0);
        let kept: Kept[] = [];
        for (const [nowMs, { action, client, clientPort, publicPort }] of steps.entries()) {
          const tracked = masqueraded(clientPort, publicPort, client);
          const isThis = (one: Kept) => JSON.stringify(one.tracked) === JSON.stringify(tracked);
          const isRival = (one: Kept) => JSON.stringify(one.tracked.original) === JSON.stringify(tracked.original);
          if (action === 'expire') {
            table.expire(nowMs - 20);
            kept = kept.filter(({ untilMs }) => untilMs >= nowMs - 20);
          } else if (action === 'alive') {
            table.alive(connectionOf(tracked), nowMs, nowMs);
            for (const one of kept) {
              if (isRival(one) && !isThis(one) && one.untilMs === Number.POSITIVE_INFINITY) one.untilMs = nowMs;
            }
            const known = kept.find(isThis);
            if (known === undefined) kept.push({ tracked, sinceMs: nowMs, untilMs: Number.POSITIVE_INFINITY });
            else known.untilMs = Number.POSITIVE_INFINITY;
          } else {
            table.destroyed(connectionOf(tracked), nowMs, nowMs);
            const known = kept.find(isThis);
            if (known === undefined) kept.push({ tracked, sinceMs: nowMs, untilMs: nowMs });
            else known.untilMs = Math.min(known.untilMs, nowMs);
          }
        }
        expect(table.size).toBe(kept.length + (isGrown ? 1020 : 0));
        for (const { tracked } of kept) {
          for (const atMs of [0, 5, 10, 20, 40, 60]) {
            for (const seen of [tracked.original, turned(tracked.reply)] as const) {
              const found = lookUp(table, seen, TCP, atMs) !== 'unmatched';
              expect(found).toBe(kept.some((one) => fits(one, seen, atMs)));
            }
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});
