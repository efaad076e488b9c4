import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createAnnotations } from '../../../agent/model/annotations.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { niceCeiling } from '../../../agent/report/charts.ts';
import { renderReport } from '../../../agent/report/page.ts';
import { Survey } from '../../../agent/report/survey.ts';
import { cursorOver } from '../../support/flow-records.ts';

const START = 1_700_000_000;
const CONTEXT = { subject: 'eth0', details: ['on a host'], version: '1.2.3' };

function flow(source: number, destinationPort: number, bytes: number, rejectRule?: string): FlowRecord {
  const record = {
    ...createFlowRecord(),
    ...{ source0: 0x0a00_0000 + source, destination0: 0xc000_0201, protocol: 6 },
    ...{ sourcePort: 50_000, destinationPort, packets: Math.ceil(bytes / 1000), bytes },
  };
  if (rejectRule === undefined) return record;
  return { ...record, isAnnotated: true, annotations: { ...createAnnotations(), action: 'REJECT', rejectRule } };
}

function windowOf(start: number, records: readonly FlowRecord[], droppedByKernel = 0) {
  const ledger = { ...createLedger(['dhcp']), droppedByKernel };
  for (const { packets, bytes } of records) {
    ledger.metered.packets += packets;
    ledger.metered.bytes += bytes;
  }
  return { start, ledger, records: () => cursorOver(records) };
}

function surveyOf(...windows: readonly ReturnType<typeof windowOf>[]): Survey {
  const survey = new Survey(10);
  for (const window of windows) survey.add(window);
  return survey;
}

/** What a reader sees, without the marks. */
const textOf = (page: string) =>
  page
    .replace(/<style>.*<\/style>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');

describe('a report', () => {
  test('shows talkers, services, protocols, flows and the ledger of all windows', () => {
    const page = renderReport(
      surveyOf(
        windowOf(START, [flow(1, 443, 900_000)]),
        windowOf(START + 10, [flow(1, 443, 100_000), flow(2, 53, 5000)]),
      ),
      CONTEXT,
    );
    const text = textOf(page);
    expect(text).toContain('Flows of eth0');
    expect(text).toContain('2023-11-14 22:13:20 to 22:13:40 UTC · on a host');
    expect(text).toContain('10.0.0.1 1.0 MB');
    expect(text).toContain('443/TCP https 1.0 MB · 99.5 %');
    expect(text).toContain('TCP 1.0 MB · 100.0 %');
    expect(text).toContain('10.0.0.1:50000 → 192.0.2.1:443 TCP 1,000 1.0 MB');
    expect(text).toContain('in 3 records of 2 windows 1,005 1.0 MB');
    expect(text).not.toContain('Rejected');
    expect(page.match(/class="accepted" x=".*?" y=".*?" width="60"/g)).toHaveLength(2);
  });

  test('shows what was rejected by which rule, and what was lost', () => {
    const page = renderReport(surveyOf(windowOf(START, [flow(1, 22, 3000, 'no ssh')], 7)), CONTEXT);
    const text = textOf(page);
    expect(text).toContain('Rejected flow packets bytes 10.0.0.1:50000 → 192.0.2.1:22 TCP (no ssh) 3 3.0 kB');
    expect(text).toContain('7 packets lost');
    expect(text).toContain('incomplete: packets were lost');
    expect(page).toContain('<tr class="bad"><td>dropped by the kernel</td>');
  });

  test('is a page without any window, too', () => {
    expect(textOf(renderReport(new Survey(10), CONTEXT))).toContain('no window was closed');
  });

  test('needs nothing from elsewhere, and lets nothing be fetched', () => {
    const page = renderReport(surveyOf(windowOf(START, [flow(1, 443, 1)])), CONTEXT);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    expect(page).not.toMatch(/<script|<link|<img|https?:|url\(|@import/);
  });

  test('cannot be broken out of by any name', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "</title>'&<!--", '</style>'),
    );
    const [plain, other] = ['plain', 'other'].map((name) =>
      renderReport(surveyOf(windowOf(START, [flow(1, 22, 1, name)])), {
        subject: name,
        details: [name],
        version: name,
      }),
    );
    const shape = (page: string) => page.replace(/<title>[^<]*<\/title>/g, '<title>').replace(/>[^<]*</g, '><');
    expect(shape(plain!)).toBe(shape(other!));
    fc.assert(
      fc.property(hostile, (name) => {
        const survey = surveyOf(windowOf(START, [flow(1, 22, 1, name || 'rule')]));
        const page = renderReport(survey, { subject: name, details: [name], version: name });
        expect(shape(page)).toBe(shape(plain!));
      }),
    );
  });

  test('has a timeline of bounded length whose sums are those of the windows', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000), { minLength: 1, maxLength: 60 }), (starts) => {
        const survey = new Survey(1, 16);
        for (const start of starts) survey.add(windowOf(start, [flow(1, 1, 1000)]));
        const timeline = survey.timeline();
        const span = timeline.at(-1)!.start - timeline[0]!.start;
        expect(span / survey.stepSeconds).toBeLessThan(16);
        expect(timeline.reduce((sum, { step }) => sum + step.bytes, 0)).toBe(1000 * starts.length);
      }),
    );
  });

  test.each([
    [1, 1],
    [3, 3],
    [21, 25],
    [99, 100],
    [1_200_000, 1_500_000],
  ])('has a scale for %s that ends at %s', (value, ceiling) => {
    expect(niceCeiling(value)).toBeCloseTo(ceiling, 6);
  });
});
