import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { actionOf } from '../../../agent/live-table/flow-key.ts';
import { FlowTally, WINDOW_FLOWS_MAX } from '../../../agent/live-table/flow-tally.ts';
import { DEFAULT_CHOICES, SORT_KEYS, viewOf } from '../../../agent/live-table/live-view.ts';
import { createAnnotations } from '../../../agent/model/annotations.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { cursorOver } from '../../support/flow-records.ts';

function flow(sourcePort: number, packets: number, bytes: number): FlowRecord {
  return {
    ...createFlowRecord(),
    protocol: 17,
    sourcePort,
    destinationPort: 53,
    packets,
    bytes,
    lastMicroseconds: 500_000,
  };
}

function windowOf(start: number, records: readonly FlowRecord[]) {
  const ledger = createLedger([]);
  for (const { packets, bytes } of records) {
    ledger.metered.packets += packets;
    ledger.metered.bytes += bytes;
  }
  return { start, ledger, records: () => cursorOver(records) };
}

describe('the flows of a debug run', () => {
  test('have the totals of all windows and the rate of the last one', () => {
    const tally = new FlowTally(2, 100);
    tally.add('eth0', windowOf(100, [flow(1, 10, 1000), flow(2, 1, 100)]));
    tally.add('eth0', windowOf(102, [flow(1, 4, 500)]));
    const { rows, ...sums } = viewOf(tally, DEFAULT_CHOICES, 10);
    expect(sums).toMatchObject({ flows: 2, packets: 15, bytes: 1600, rate: { packets: 2, bytes: 250 } });
    expect(rows.map(({ flow, rate }) => [flow.record.sourcePort, flow.record.bytes, rate.bytes])).toEqual([
      [1, 1500, 250],
      [2, 100, 0],
    ]);
    expect(rows[0]!.flow).toMatchObject({ first: 100, last: 102.5 });
  });

  test('have a rate over the time that was observed, in the first window and at the end', () => {
    const tally = new FlowTally(10, 108);
    tally.add('eth0', windowOf(100, [flow(1, 2, 400)]));
    expect(tally.rate).toEqual({ packets: 1, bytes: 200 });
    tally.add('eth0', windowOf(110, [flow(1, 6, 600)]));
    tally.end(112);
    expect(tally.rate).toEqual({ packets: 2, bytes: 250 });
    expect(viewOf(tally, DEFAULT_CHOICES, 1).rows[0]!.rate).toEqual({ packets: 2, bytes: 250 });
  });

  test('have a rate over the time that was observed of a window that the end of the run cuts off', () => {
    const tally = new FlowTally(10, 101);
    tally.stop(104);
    tally.add('eth0', windowOf(100, [flow(1, 6, 600)]));
    expect(tally.rate).toEqual({ packets: 2, bytes: 200 });
    expect(viewOf(tally, DEFAULT_CHOICES, 1).rows[0]!.rate).toEqual({ packets: 2, bytes: 200 });
    tally.end(109);
    expect(tally).toMatchObject({ endedAt: 104, rate: { packets: 2, bytes: 200 } });
  });

  test('are told apart by interface', () => {
    const tally = new FlowTally(1, 0);
    tally.add('eth0', windowOf(0, [flow(1, 1, 10)]));
    tally.add('eth1', windowOf(0, [flow(1, 2, 20)]));
    expect(viewOf(tally, { ...DEFAULT_CHOICES, filter: 'interface:eth1' }, 10)).toMatchObject({ flows: 1, packets: 2 });
    expect(viewOf(tally, DEFAULT_CHOICES, 10)).toMatchObject({ flows: 2, packets: 3 });
  });

  test.each([
    ['bytes', [3, 2, 1]],
    ['packets', [1, 3, 2]],
    ['rate', [2, 3, 1]],
    ['first', [1, 3, 2]],
    ['last', [2, 3, 1]],
  ] as const)('are sorted by %s', (sort, ports) => {
    const tally = new FlowTally(1, 0);
    tally.add('eth0', windowOf(0, [flow(1, 9, 100)]));
    tally.add('eth0', windowOf(1, [flow(3, 8, 200)]));
    tally.add('eth0', windowOf(2, [flow(2, 1, 150), { ...flow(3, 0, 140), lastMicroseconds: 1 }]));
    const rows = viewOf(tally, { ...DEFAULT_CHOICES, sort }, 10).rows;
    expect(rows.map((row) => row.flow.record.sourcePort)).toEqual(ports);
  });

  test('of a flood are the largest ones, and the sums are those of all', () => {
    const tally = new FlowTally(1, 0);
    const small = Array.from({ length: WINDOW_FLOWS_MAX + 100 }, (_, index) => ({
      ...flow(1, 1, 60),
      source0: index + 1,
    }));
    tally.add('eth0', windowOf(0, [...small, flow(2, 1, 1500)]));
    expect(tally).toMatchObject({ size: WINDOW_FLOWS_MAX, forgotten: 101, records: WINDOW_FLOWS_MAX + 101 });
    const view = viewOf(tally, DEFAULT_CHOICES, 1);
    expect(view.rows[0]!.flow.record.sourcePort).toBe(2);
    expect(view).toMatchObject({ packets: small.length + 1, rate: { packets: small.length + 1 } });
  });

  test('are two where some packets were rejected', () => {
    const rejected = {
      ...flow(1, 1, 60),
      isAnnotated: true,
      annotations: { ...createAnnotations(), action: 'REJECT' as const },
    };
    const tally = new FlowTally(1, 0);
    tally.add('eth0', windowOf(0, [flow(1, 2, 200), rejected]));
    tally.add('eth0', windowOf(1, [rejected]));
    const rows = viewOf(tally, DEFAULT_CHOICES, 9).rows.map(({ flow: { record } }) => [
      actionOf(record),
      record.packets,
    ]);
    expect(rows).toEqual([
      ['ACCEPT', 2],
      ['REJECT', 2],
    ]);
  });

  test('never are more than the bound, and the largest of any stays', () => {
    const ports = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(ports, fc.constantFrom(...SORT_KEYS), (sources, sort) => {
        const tally = new FlowTally(1, 0, 8);
        tally.add('eth0', windowOf(0, [flow(65_000, 1, 1e9)]));
        for (const [start, port] of sources.entries()) tally.add('eth0', windowOf(start, [flow(port, 1, port)]));
        const view = viewOf(tally, { ...DEFAULT_CHOICES, sort }, 100);
        expect(view.flows).toBeLessThanOrEqual(8);
        expect(view.rows.some((row) => row.flow.record.sourcePort === 65_000)).toBe(true);
        // What was forgotten is still in the sums.
        expect(view.packets).toBe(1 + sources.length);
      }),
    );
  });
});
