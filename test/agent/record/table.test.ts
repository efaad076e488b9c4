import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { counted, humanBytes, humanCount } from '../../../agent/record/human.ts';
import { protocolName } from '../../../agent/record/protocol-name.ts';
import { formatTable, TopRecords, tcpFlagLetters } from '../../../agent/record/table.ts';
import { cursorOver, flowRecord } from '../../support/flow-records.ts';

const HTTPS: FlowRecord = {
  ...createFlowRecord(),
  source0: 0xac101001,
  destination0: 0x08080808,
  sourcePort: 51234,
  destinationPort: 443,
  protocol: 6,
  tcpFlags: 0x1b,
  packets: 1234,
  bytes: 1_234_567,
  lastMicroseconds: 2_500_000,
};
const PING: FlowRecord = {
  ...createFlowRecord(),
  family: 6,
  source0: 0x20010db8,
  source3: 1,
  destination0: 0x20010db8,
  destination3: 2,
  protocol: 58,
  packets: 3,
  bytes: 312,
};

function top(limit: number, records: readonly FlowRecord[]): TopRecords {
  const kept = new TopRecords(limit);
  kept.add(cursorOver(records));
  return kept;
}

describe('the largest records', () => {
  test('are those that sorting all of them would put first', () => {
    fc.assert(
      fc.property(fc.array(flowRecord, { maxLength: 60 }), fc.integer({ min: 0, max: 20 }), (records, limit) => {
        const kept = top(limit, records);
        const expected = records.map(({ bytes }) => bytes).sort((left, right) => right - left);
        expect(kept.sorted().map(({ bytes }) => bytes)).toEqual(expected.slice(0, limit));
        expect(kept.records).toBe(records.length);
      }),
    );
  });

  test('do not depend on the order in which a table holds them', () => {
    const records = fc.array(
      flowRecord.map((record) => ({ ...record, bytes: record.bytes % 3, tcpFlags: 0, packets: 1 })),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(records, (some) => {
        const key = (record: FlowRecord) =>
          JSON.stringify([record.bytes, record.source0, record.destination0, record.sourcePort]);
        expect(top(5, some).sorted().map(key)).toEqual(top(5, some.toReversed()).sorted().map(key));
      }),
    );
  });
});

describe('the order of the largest records', () => {
  const parts = [
    ...['bytes', 'packets', 'protocol', 'source0', 'source1', 'source2', 'source3'],
    ...['destination0', 'destination1', 'destination2', 'destination3'],
    ...['sourcePort', 'destinationPort', 'icmpType', 'icmpCode'],
  ] as const satisfies readonly (keyof FlowRecord)[];

  test.each(parts.map((part, index) => [part, parts.slice(index + 1)] as const))(
    'goes by %s before anything that follows',
    (part, later) => {
      const [low, high]: FlowRecord[] = [createFlowRecord(), createFlowRecord()];
      for (const each of later) low![each] = 9;
      high![part] = 1;
      low![part] = 0;
      for (const records of [
        [low!, high!],
        [high!, low!],
      ]) {
        expect(top(1, records).sorted()).toEqual([high]);
        expect(top(2, records).sorted()).toEqual([high, low]);
      }
    },
  );

  test('of which none are wanted has sums alone', () => {
    const none = top(0, [PING, HTTPS]);
    expect(none.summary()).toEqual({ records: 2, packets: 1237, bytes: 1_234_879, largest: [] });
  });

  test('keeps each record as it was: the cursor writes over its own', () => {
    const annotated = { ...PING, isAnnotated: true };
    let calls = 0;
    const kept = new TopRecords(2);
    kept.add({
      next(record) {
        Object.assign(record, annotated, { annotations: record.annotations, bytes: ++calls });
        record.annotations.direction = calls === 1 ? 'egress' : 'ingress';
        return calls < 3;
      },
    });
    expect(kept.sorted().map(({ bytes, annotations }) => [bytes, annotations.direction])).toEqual([
      [2, 'ingress'],
      [1, 'egress'],
    ]);
  });
});

describe('the table', () => {
  test('is aligned under its titles, largest flow first', () => {
    expect(formatTable(top(10, [PING, HTTPS]), 100)).toBe(
      [
        'proto   source             destination  packets   bytes  flags  seconds',
        'TCP     172.16.16.1:51234  8.8.8.8:443    1,234  1.2 MB  SPAF       2.5',
        'ICMPv6  2001:db8::1        2001:db8::2        3   312 B             0.0',
        '',
      ].join('\n'),
    );
  });

  test('says how many flows it does not show', () => {
    expect(formatTable(top(1, [PING, HTTPS]), 100)).toMatch(/\nand 1 more flow\n$/);
    expect(
      formatTable(
        top(
          1,
          Array.from({ length: 2001 }, () => HTTPS),
        ),
        100,
      ),
    ).toMatch(/\nand 2,000 more flows\n$/);
  });

  test('fits every terminal of at least 60 columns, whatever the records are', () => {
    fc.assert(
      fc.property(fc.array(flowRecord, { maxLength: 8 }), fc.integer({ min: 60, max: 200 }), (records, width) => {
        const lines = formatTable(top(8, records), width).split('\n');
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(Math.max(width, 75));
        if (records.every(({ packets, bytes }) => packets < 1e9 && bytes < 1e15)) {
          expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
        }
      }),
    );
  });

  test('keeps the ends of an address that does not fit', () => {
    const long = {
      ...PING,
      source1: 0x11112222,
      source2: 0x33334444,
      source3: 0x55556666,
      destination1: 0x11112222,
      destination2: 0x33334444,
    };
    const [, row] = formatTable(top(1, [long]), 60).split('\n');
    expect(row).toMatch(/2001:db8…555:6666 +2001:db8…4444:0:2 /);
    expect(row!.length).toBeLessThanOrEqual(60);
  });

  test('has only its titles for a window without records', () => {
    expect(formatTable(top(5, []), 80)).toBe('proto  source  destination  packets  bytes  flags  seconds\n');
  });
});

describe('words', () => {
  test('TCP flags are letters in the order of a connection', () => {
    expect([0, 0x02, 0x12, 0x1b, 0xff].map(tcpFlagLetters)).toEqual(['', 'S', 'SA', 'SPAF', 'SPAFRUEC']);
  });

  test('a protocol without a common name is its number', () => {
    expect([6, 17, 1, 58, 47, 50, 132, 89, 253].map(protocolName)).toEqual([
      'TCP',
      'UDP',
      'ICMP',
      'ICMPv6',
      'GRE',
      'ESP',
      'SCTP',
      'OSPF',
      '253',
    ]);
  });

  test('bytes step up their units without ever saying 1000.0', () => {
    expect([0, 999, 1000, 1_234_567, 999_949, 999_950, 999_999_999, 2 ** 53].map(humanBytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '1.2 MB',
      '999.9 kB',
      '1.0 MB',
      '1.0 GB',
      '9.0 PB',
    ]);
  });

  test('counts are grouped by thousands', () => {
    expect([0, 999, 1000, 1234567].map(humanCount)).toEqual(['0', '999', '1,000', '1,234,567']);
    expect([counted(1, 'flow'), counted(2000, 'flow')]).toEqual(['1 flow', '2,000 flows']);
  });
});
