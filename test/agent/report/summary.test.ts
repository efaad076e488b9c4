import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createAnnotations } from '../../../agent/model/annotations.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger, type Ledger } from '../../../agent/model/ledger.ts';
import { ReportSummary, WINDOW_FLOWS_MAX } from '../../../agent/report/summary.ts';
import { cursorOver } from '../../support/flow-records.ts';

function flow(fields: Partial<FlowRecord>): FlowRecord {
  return {
    ...createFlowRecord(),
    ...{ source0: 0x0a000001, destination0: 0x0a000002, sourcePort: 50_000, destinationPort: 443, protocol: 6 },
    ...{ packets: 1, bytes: 100 },
    ...fields,
  };
}
const rejectedBy = (rejectRule: string): Partial<FlowRecord> => ({
  isAnnotated: true,
  annotations: { ...createAnnotations(), action: 'REJECT', rejectRule },
});

function window(start: number, records: readonly FlowRecord[], parts: Partial<Ledger> = {}) {
  const ledger = { ...createLedger([]), ...parts };
  for (const { packets, bytes } of records) {
    ledger.metered.packets += packets;
    ledger.metered.bytes += bytes;
  }
  return { start, ledger, records: () => cursorOver(records) };
}

function summaryOf(...windows: readonly ReturnType<typeof window>[]): ReportSummary {
  const summary = new ReportSummary(10);
  for (const each of windows) summary.add(each);
  return summary;
}
/** `label bytes`, most first. */
const listed = (ranking: ReportSummary['flows']) =>
  ranking.largest(10).map(({ label, sums }) => `${label} ${sums.bytes}`);

describe('a summary of windows', () => {
  test('adds up who sent and received, over which protocols and services', () => {
    const summary = summaryOf(
      window(0, [
        flow({ bytes: 300 }),
        flow({ source0: 0x0a000002, destination0: 0x0a000001, sourcePort: 443, destinationPort: 50_000, bytes: 50 }),
      ]),
      window(10, [
        flow({ protocol: 17, destinationPort: 53, bytes: 20 }),
        flow({ protocol: 1, sourcePort: 0, destinationPort: 0, bytes: 7 }),
      ]),
    );
    expect([summary.windows, summary.records]).toEqual([2, 4]);
    expect(summary.talkers.largest(9)).toEqual([
      { label: '10.0.0.1', sums: { packets: 4, bytes: 377, sentBytes: 327, receivedBytes: 50 } },
      { label: '10.0.0.2', sums: { packets: 4, bytes: 377, sentBytes: 50, receivedBytes: 327 } },
    ]);
    expect(listed(summary.protocols)).toEqual(['TCP 350', 'UDP 20', 'ICMP 7']);
    expect(listed(summary.services)).toEqual(['443/TCP https 350', '53/UDP domain 20', 'ICMP 7']);
    expect(listed(summary.flows)).toEqual([
      '10.0.0.1:50000 → 10.0.0.2:443 TCP 300',
      '10.0.0.2:443 → 10.0.0.1:50000 TCP 50',
      '10.0.0.1:50000 → 10.0.0.2:53 UDP 20',
      '10.0.0.1 → 10.0.0.2 ICMP 7',
    ]);
  });

  test('counts a host that talks to itself once, in both directions', () => {
    const { talkers } = summaryOf(window(0, [flow({ destination0: 0x0a000001, bytes: 30 })]));
    expect(talkers.largest(9)).toEqual([
      { label: '10.0.0.1', sums: { packets: 1, bytes: 30, sentBytes: 30, receivedBytes: 30 } },
    ]);
  });

  test('distinguishes an IPv6 address from an IPv4 address of the same first word', () => {
    const { talkers } = summaryOf(window(0, [flow({}), flow({ family: 6, bytes: 60 })]));
    expect(talkers.largest(9).map(({ label }) => label)).toEqual(['10.0.0.1', '10.0.0.2', 'a00:1::', 'a00:2::']);
  });

  test('has what was rejected by itself, too, with the rule that did', () => {
    const summary = summaryOf(
      window(0, [flow({ bytes: 40, ...rejectedBy('no ssh') }), flow({ bytes: 5 })]),
      window(10, [flow({ bytes: 2, ...rejectedBy('') })]),
    );
    expect(summary.rejectedSum).toEqual({ packets: 2, bytes: 42 });
    expect(listed(summary.rejected)).toEqual([
      '10.0.0.1:50000 → 10.0.0.2:443 TCP (no ssh) 40',
      '10.0.0.1:50000 → 10.0.0.2:443 TCP 2',
    ]);
    const steps = summary.timeline.draw().stretches.flatMap(({ placed }) => placed.map(({ step }) => step));
    expect(steps.map(({ bytes, rejectedBytes }) => [bytes, rejectedBytes])).toEqual([
      [45, 40],
      [2, 2],
    ]);
  });

  test('has the times of its packets, and marks windows that lost any', () => {
    const summary = summaryOf(
      window(100, [flow({ firstMicroseconds: 1_500_000, lastMicroseconds: 9_000_000 })]),
      window(110, [flow({ firstMicroseconds: 0, lastMicroseconds: 250_000 })], { droppedByKernel: 1 }),
    );
    expect(summary.timeline.sum()).toMatchObject({ first: 101.5, last: 110.25, isIncomplete: true });
    const steps = summary.timeline
      .draw()
      .stretches.flatMap(({ placed }) => placed.map(({ step }) => step.isIncomplete));
    expect(steps).toEqual([false, true]);
  });

  test('distinguishes only the largest flows of a window with very many, and says how many it did not', () => {
    const records = Array.from({ length: WINDOW_FLOWS_MAX + 10 }, (_, index) =>
      flow({ source0: index, bytes: 1000 + index }),
    );
    const { flows, ledger } = summaryOf(window(0, records));
    expect([flows.size, flows.forgotten]).toEqual([WINDOW_FLOWS_MAX, 10]);
    expect(ledger.metered.packets).toBe(records.length);
    expect(flows.largest(1)[0]!.label).toMatch(/^0\.0\.16\.9:/);
  });

  test('agrees with a list of all records, whatever windows they are in', () => {
    const record = fc
      .record({
        source0: fc.integer({ min: 1, max: 4 }),
        destination0: fc.integer({ min: 1, max: 4 }),
        protocol: fc.constantFrom(6, 17),
        bytes: fc.nat(1000),
      })
      .map(flow);
    fc.assert(
      fc.property(fc.array(fc.array(record), { maxLength: 6 }), (windows) => {
        const summary = summaryOf(...windows.map((records, index) => window(index * 10, records)));
        const all = windows.flat();
        const bytesOf = (takes: (record: FlowRecord) => boolean) =>
          all.filter(takes).reduce((sum, { bytes }) => sum + bytes, 0);
        for (const { label, sums } of summary.talkers.largest(9)) {
          const address = Number(label.slice('0.0.0.'.length));
          expect(sums.sentBytes).toBe(bytesOf(({ source0 }) => source0 === address));
          expect(sums.receivedBytes).toBe(bytesOf(({ destination0 }) => destination0 === address));
        }
        for (const { label, sums } of summary.protocols.largest(9)) {
          expect(sums.bytes).toBe(bytesOf(({ protocol }) => protocol === (label === 'TCP' ? 6 : 17)));
        }
        const flowBytes = summary.flows.largest(1000).reduce((sum, { sums }) => sum + sums.bytes, 0);
        expect([flowBytes, summary.records]).toEqual([bytesOf(() => true), all.length]);
      }),
      { numRuns: 50 },
    );
  });
});
