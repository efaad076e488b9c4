import { describe, expect, test } from 'vitest';
import { TranslationAnnotator } from '../../../agent/conntrack/annotate-translation.ts';
import { ConnectionTracker } from '../../../agent/conntrack/connection-tracker.ts';
import { TranslationTable } from '../../../agent/conntrack/translation-table.ts';
import type { Annotations } from '../../../agent/model/annotations.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { parseNetwork } from '../../../agent/packet/address.ts';
import { POINT } from '../../support/closed-windows.ts';
import { connectionOf, turned } from '../../support/conntrack-connection.ts';
import type { Ends, TrackedConnection } from '../../support/ctnetlink.ts';

const WINDOW_START = 1_700_000_000;

function wordsOf(text: string): [number, number, number, number] {
  const [first = 0, second = 0, third = 0, fourth = 0] = Uint32Array.from(parseNetwork(text)!.words);
  return [first, second, third, fourth];
}

function recordOf(protocol: number, ends: Ends): FlowRecord {
  const [source0, source1, source2, source3] = wordsOf(ends.source);
  const [destination0, destination1, destination2, destination3] = wordsOf(ends.destination);
  return {
    ...createFlowRecord(),
    family: ends.source.includes(':') ? 6 : 4,
    protocol,
    ...{ source0, source1, source2, source3, destination0, destination1, destination2, destination3 },
    sourcePort: ends.sourcePort ?? 0,
    destinationPort: ends.destinationPort ?? 0,
    firstMicroseconds: 1_000_000,
    lastMicroseconds: 2_000_000,
  };
}

/** A tracker of a kernel that tells nothing; the test fills its table. */
function silentTracker(): { tracker: ConnectionTracker; polls: () => number } {
  let polls = 0;
  const silent = {
    read: () => {
      polls++;
      return 0;
    },
    close: () => undefined,
  };
  const sockets = { openEvents: () => silent, openList: () => silent };
  const table = new TranslationTable({ entriesMax: 100, seed: 7 });
  return { tracker: new ConnectionTracker({ sockets, table, now: () => 0 }), polls: () => polls };
}

function annotate(connections: readonly TrackedConnection[], record: FlowRecord): TranslationAnnotator {
  const { tracker } = silentTracker();
  for (const connection of connections) tracker.table.alive(connectionOf(connection), 0, 0);
  const annotator = new TranslationAnnotator(tracker);
  annotator.begin({ point: POINT, windowStart: WINDOW_START, records: () => ({ next: () => false }) });
  annotator.annotate(record);
  return annotator;
}

const WEB: TrackedConnection = {
  protocol: 6,
  original: { source: '10.0.0.2', sourcePort: 40_000, destination: '200.0.2.2', destinationPort: 65_443 },
  reply: { source: '200.0.2.2', sourcePort: 65_443, destination: '200.0.2.1', destinationPort: 50_000 },
};
const WEB6: TrackedConnection = {
  protocol: 17,
  original: { source: 'fd60:1::2', sourcePort: 40_000, destination: '2001:db8::2', destinationPort: 53 },
  reply: { source: '2001:db8::2', sourcePort: 53, destination: 'ffff:db8::8000:1', destinationPort: 40_001 },
};

function expected({ source, destination, sourcePort, destinationPort }: Ends): Partial<Annotations> {
  const [translatedSource0, translatedSource1, translatedSource2, translatedSource3] = wordsOf(source);
  const [translatedDestination0, translatedDestination1, translatedDestination2, translatedDestination3] =
    wordsOf(destination);
  return {
    ...{ translatedSource0, translatedSource1, translatedSource2, translatedSource3 },
    ...{ translatedDestination0, translatedDestination1, translatedDestination2, translatedDestination3 },
    translatedSourcePort: sourcePort!,
    translatedDestinationPort: destinationPort!,
  };
}

describe('a record of a NAT flow log', () => {
  const ends = { source: '10.0.0.2', destination: '200.0.2.2' };
  const PING = { protocol: 1, original: ends, reply: { source: '200.0.2.2', destination: '200.0.2.1' } };
  const ends6 = { source: 'fd60:1::2', destination: '2001:db8::2' };
  const PING6 = { protocol: 58, original: ends6, reply: { source: '2001:db8::2', destination: '2001:db8::1' } };
  test.each([
    ['echo request', PING, 8, 'matched'],
    ['ICMP of unknown type', PING, -1, 'matched'],
    ['port unreachable', PING, 3, 'unmatched'],
    ['time exceeded', PING, 11, 'unmatched'],
    ['ICMPv6 echo request', PING6, 128, 'matched'],
    ['ICMPv6 packet too big', PING6, 2, 'unmatched'],
  ])('of an %s between the ends of a ping: an error is of another connection', (_, ping, icmpType, translation) => {
    const record = { ...recordOf(ping.protocol, ping.original), icmpType };
    annotate([ping], record);
    expect(record.annotations.translation).toBe(translation);
  });

  test.each([
    ['over IPv4', WEB],
    ['over IPv6', WEB6],
  ])('%s has the other side in unsigned words, and its initiator', (_, connection) => {
    const record = recordOf(connection.protocol, connection.original);
    const annotator = annotate([connection], record);
    expect(record.isAnnotated).toBe(true);
    expect(record.annotations).toMatchObject({
      translation: 'matched',
      initiator: 'source',
      initiatorEvidence: 'conntrack',
      ...expected(turned(connection.reply)),
    });
    expect(annotator.counters).toEqual({ matched: 1, same: 0, unmatched: 0, ambiguous: 0 });
    const answer = recordOf(connection.protocol, connection.reply);
    annotator.annotate(answer);
    expect(answer.annotations).toMatchObject({
      translation: 'matched',
      initiator: 'destination',
      ...expected(turned(connection.original)),
    });
  });

  test('whose connection is not translated is the same, without words', () => {
    const record = recordOf(6, WEB.original);
    const annotator = annotate([{ ...WEB, reply: turned(WEB.original) }], record);
    expect(record.annotations).toMatchObject({ translation: 'same', initiator: 'source', translatedSource0: 0 });
    expect(annotator.counters).toMatchObject({ same: 1, matched: 0 });
  });

  test('of a connection that nobody knows is unmatched, and nothing else is said of it', () => {
    const record = recordOf(6, WEB.original);
    const annotator = annotate([], record);
    expect(record.isAnnotated).toBe(true);
    expect(record.annotations).toMatchObject({ translation: 'unmatched', initiator: 'unknown' });
    expect(annotator.counters).toMatchObject({ unmatched: 1 });
  });

  test('is counted as ambiguous where two connections fit it', () => {
    const seen = turned(WEB.reply);
    const other = { ...WEB, original: { ...WEB.original, source: '10.0.0.3' } };
    expect(annotate([WEB, other], recordOf(6, seen)).counters).toMatchObject({ matched: 1, ambiguous: 1 });
  });

  test('of a protocol whose ports are not recorded is found by its addresses', () => {
    const [source, destination] = ['10.0.0.2', '200.0.2.2'];
    const sctp = { ...WEB, protocol: 132 };
    const record = recordOf(132, { source, destination });
    annotate([sctp], record);
    expect(record.annotations).toMatchObject({ translation: 'matched', translatedSourcePort: 0 });
  });
});

test('a large window does not keep the events waiting', () => {
  const { tracker, polls } = silentTracker();
  const annotator = new TranslationAnnotator(tracker);
  const record = recordOf(6, WEB.original);
  annotator.begin({ point: POINT, windowStart: WINDOW_START, records: () => ({ next: () => false }) });
  const before = polls();
  for (let count = 0; count < 100_000; count++) annotator.annotate(record);
  expect(polls() - before).toBeGreaterThanOrEqual(6);
});
