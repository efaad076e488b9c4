import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GROUPINGS, groupsOf } from '../../../agent/live-table/flow-groups.ts';
import { tableLines } from '../../../agent/live-table/flow-table.ts';
import { FlowTally } from '../../../agent/live-table/flow-tally.ts';
import { viewOf } from '../../../agent/live-table/live-view.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { cursorOver, flowRecord } from '../../support/flow-records.ts';
import { pressed } from '../../support/live-table.ts';

const CONTEXT = { interfaceNames: ['eth0'], hasRejects: false, elapsedSeconds: 2, secondsLeft: 8, notes: [] };
const [CLIENT, SERVER, OTHER] = [0x0a00_0001, 0x0a00_0002, 0x0a00_0003];

const flow = (source0: number, destination0: number, parts: Partial<FlowRecord>): FlowRecord => ({
  ...createFlowRecord(),
  ...{ source0, destination0, protocol: 6, packets: 2, bytes: 200, lastMicroseconds: 500_000 },
  ...parts,
});

const RECORDS = [
  flow(SERVER, CLIENT, { sourcePort: 443, destinationPort: 4000, bytes: 9000, tcpFlags: 0x13, firstMicroseconds: 900 }),
  flow(CLIENT, SERVER, { sourcePort: 4000, destinationPort: 443, tcpFlags: 0x13 }),
  flow(CLIENT, SERVER, { sourcePort: 4001, destinationPort: 443, tcpFlags: 0x02 }),
  flow(OTHER, SERVER, { sourcePort: 5000, destinationPort: 53, protocol: 17, bytes: 70 }),
];

function tallyOf(records: readonly FlowRecord[]): FlowTally {
  const tally = new FlowTally(2, 0);
  tally.add('eth0', { start: 0, ledger: createLedger([]), records: () => cursorOver(records) });
  return tally;
}

function lines(keys: string, width: number): string[] {
  const { choices } = pressed([keys]);
  return tableLines(viewOf(tallyOf(RECORDS), choices, 10), choices.sort, CONTEXT, width);
}

describe('flows in groups', () => {
  test('are conversations at 80 columns and at 40', () => {
    expect(lines('g', 80)).toMatchInlineSnapshot(`
      [
        "proto  initiator      responder      bit/s  packets  bytes▾  state        sent",
        "TCP    10.0.0.1:4000  10.0.0.2:443  36.8 k        4  9.2 kB  closed      200 B",
        "TCP    10.0.0.1:4001  10.0.0.2:443    800         2   200 B  unanswered  200 B",
        "UDP    10.0.0.3:5000  10.0.0.2:53     280         2    70 B  one-way      70 B",
      ]
    `);
    expect(lines('g', 40)).toMatchInlineSnapshot(`
      [
        "initiator      responder     bytes▾",
        "10.0.0.1:4000  10.0.0.2:443  9.2 kB",
        "10.0.0.1:4001  10.0.0.2:443   200 B",
        "10.0.0.3:5000  10.0.0.2:53     70 B",
      ]
    `);
  });

  test('are hosts at 80 columns and at 40', () => {
    expect(lines('gg', 80)).toMatchInlineSnapshot(`
      [
        "host       bit/s  packets  bytes▾    sent  received  flows  first     last",
        "10.0.0.2  37.9 k        8  9.5 kB  9.0 kB     470 B      4  00:00:00  00:00:00",
        "10.0.0.1  37.6 k        6  9.4 kB   400 B    9.0 kB      3  00:00:00  00:00:00",
        "10.0.0.3    280         2    70 B    70 B       0 B      1  00:00:00  00:00:00",
      ]
    `);
    expect(lines('ggp', 40)).toMatchInlineSnapshot(`
      [
        "host       bit/s  packets▾   bytes",
        "10.0.0.2  37.9 k         8  9.5 kB",
        "10.0.0.1  37.6 k         6  9.4 kB",
        "10.0.0.3    280          2    70 B",
      ]
    `);
  });

  test('are services at 80 columns and at 40', () => {
    expect(lines('ggg', 80)).toMatchInlineSnapshot(`
      [
        "service      bit/s  packets  bytes▾   sent  received  flows  first     last",
        "TCP https   37.6 k        6  9.4 kB  400 B    9.0 kB      3  00:00:00  00:00:00",
        "UDP domain    280         2    70 B   70 B       0 B      1  00:00:00  00:00:00",
      ]
    `);
    expect(lines('ggg', 40)).toMatchInlineSnapshot(`
      [
        "service      bit/s  packets  bytes▾",
        "TCP https   37.6 k        6  9.4 kB",
        "UDP domain    280         2    70 B",
      ]
    `);
  });

  test('go round by their key', () => {
    const seen = ['', 'g', 'gg', 'ggg', 'gggg'].map((keys) => pressed([keys]).choices.grouping);
    expect(seen).toEqual([...GROUPINGS, 'flows']);
  });

  test('have the packets and bytes of the flows that they are of', () => {
    fc.assert(
      fc.property(fc.array(flowRecord, { maxLength: 20 }), (records) => {
        const { flows } = tallyOf(records);
        const all = [...flows];
        const sum = (numbers: readonly number[]) => numbers.reduce((left, right) => left + right, 0);
        const packets = sum(all.map(({ record }) => record.packets));
        for (const [grouping, times] of [
          ['conversations', 1],
          ['services', 1],
          ['hosts', 2],
        ] as const) {
          const groups = groupsOf(all, grouping, () => ({ packets: 0, bytes: 0 }));
          const rows = groups.map((group) => group.row());
          const counted = sum(rows.map(({ sent, received }) => sent.packets + received.packets));
          // Beyond 2^53 sums depend on their order.
          if (times * packets < Number.MAX_SAFE_INTEGER) expect(counted).toBe(times * packets);
          expect(sum(groups.map((group) => group.flows))).toBe(times * all.length);
        }
      }),
    );
  });
});
