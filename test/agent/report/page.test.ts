import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createAnnotations } from '../../../agent/model/annotations.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { renderReport } from '../../../agent/report/page.ts';
import { ReportSummary } from '../../../agent/report/summary.ts';
import { FLOWS_MAX } from '../../../agent/report/tables.ts';
import { cursorOver } from '../../support/flow-records.ts';

const START = 1_700_000_000;
const CONTEXT = { subject: 'eth0', details: ['on a host'], version: '1.2.3' };

function flow(source: number, destinationPort: number, bytes: number, rejectRule?: string): FlowRecord {
  const record = {
    ...createFlowRecord(),
    ...{ source0: 0x0a00_0000 + source, destination0: 0xc000_0201, protocol: 6 },
    ...{ firstMicroseconds: 2_000_000, lastMicroseconds: 3_000_000 },
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

function summaryOf(...windows: readonly ReturnType<typeof windowOf>[]): ReportSummary {
  const summary = new ReportSummary(10);
  for (const window of windows) summary.add(window);
  return summary;
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
      summaryOf(
        windowOf(START, [flow(1, 443, 900_000)]),
        windowOf(START + 10, [flow(1, 443, 100_000), flow(2, 53, 5000)]),
      ),
      CONTEXT,
    );
    const text = textOf(page);
    expect(text).toContain('Flows of eth0');
    expect(text).toContain('first to last packet: 2023-11-14 22:13:22 to 22:13:33 UTC (11 s) · on a host');
    expect(text).toContain('Bytes over time each bar 10 s 1.0 MB');
    expect(text).toContain('730.9 kbit/s on average over 11 s ');
    expect(text).toContain('10.0.0.1 1.0 MB');
    expect(text).toContain('443/TCP https 1.0 MB · 99.5 %');
    expect(text).toContain('TCP 1.0 MB · 100.0 %');
    expect(text).toContain('All 2 flows, most bytes first.');
    expect(text).toContain('10.0.0.1:50000 → 192.0.2.1:443 TCP 1,000 1.0 MB 99.5 %');
    expect(text).toContain('in 3 records of 2 windows 1,005 1.0 MB');
    expect(text).not.toContain('Rejected');
    expect(page.match(/<input type="radio"[^>]*>/g)).toEqual([
      '<input type="radio" name="step" aria-label="2023-11-14 22:13:20: 900.0 kB, 900 packets">',
      '<input type="radio" name="step" aria-label="2023-11-14 22:13:30: 105.0 kB, 105 packets">',
    ]);
  });

  test('shows what was rejected by which rule, and what was lost', () => {
    const page = renderReport(summaryOf(windowOf(START, [flow(1, 22, 3000, 'no ssh')], 7)), CONTEXT);
    const text = textOf(page);
    expect(text).toContain('10.0.0.1:50000 → 192.0.2.1:22 TCP (no ssh) 3 3.0 kB 100.0 %');
    expect(text).toContain('7 packets lost');
    expect(text).toContain('incomplete: lost packets or a capture gap');
    expect(page).toContain('<tr class="bad"><th scope="row">dropped by the kernel</th>');
  });

  test('reads from top to bottom as a text', () => {
    const sources = Array.from({ length: 11 }, (_, index) => flow(20 + index, 5000 + index, 100));
    const records = [flow(1, 443, 900_000), flow(2, 22, 3000, 'no ssh'), ...sources];
    const summary = summaryOf(windowOf(START, records, 7));
    summary.flows.forgotten = 1;
    const text = textOf(renderReport(summary, { ...CONTEXT, details: ['port 443', 'on a host'] }));
    const small = (line: (index: number) => string, count: number) => Array.from({ length: count }, (_, i) => line(i));
    expect(text.trim().split(' ')).toEqual(
      [
        'Flows of eth0 Flows of eth0',
        'first to last packet: 2023-11-14 22:13:22.000 to 22:13:23.000 UTC (1 s) · port 443 · on a host',
        '904.1 kB in records 914 packets in records 13+ flows 7.2 Mbit/s on average over 1 s 7 packets lost',
        'Bytes over time each bar 10 s accepted rejected incomplete: lost packets or a capture gap 1.0 MB 500.0 kB 0',
        'Point at a bar, or choose one with Tab and the arrow keys.',
        '2023-11-14 22:13:20: 904.1 kB, 914 packets, 3.0 kB of it rejected, incomplete 22:13:20 22:13:30',
        'Top talkers sent received 192.0.2.1 904.1 kB 10.0.0.1 900.0 kB 10.0.0.2 3.0 kB',
        ...small((index) => `10.0.0.${20 + index} 100 B`, 7),
        'and 4 smaller ones',
        'Ledger Where every packet went. term packets bytes offered 921',
        'in 13 records of 1 window 914 904.1 kB dropped by the kernel 7',
        'Services by the smaller port 443/TCP https 900.0 kB · 99.5 % 22/TCP ssh 3.0 kB · 0.3 %',
        ...small((index) => `${5000 + index}/TCP 100 B · 0.0 %`, 8),
        'and 3 smaller ones with 300 B · 0.0 %',
        'Protocols TCP 904.1 kB · 100.0 %',
        'Largest flows The 13 flows with the most bytes: 100.0 % of the bytes.',
        'Not listed: 1 or fewer smaller, with 0 B (0.0 %). flow packets bytes share',
        '10.0.0.1:50000 → 192.0.2.1:443 TCP 900 900.0 kB 99.5 %',
        '10.0.0.2:50000 → 192.0.2.1:22 TCP (no ssh) 3 3.0 kB 0.3 %',
        ...small((index) => `10.0.0.${20 + index}:50000 → 192.0.2.1:${5000 + index} TCP 1 100 B 0.0 %`, 11),
        'Rejected All 1 flow, most bytes first. flow packets bytes share',
        '10.0.0.2:50000 → 192.0.2.1:22 TCP (no ssh) 3 3.0 kB 100.0 %',
        'Written by flowlogd 1.2.3. Bytes are those of IP packets, headers included; times are UTC.',
      ].flatMap((line) => line.split(' ')),
    );
  });

  test('of a single packet has no time that it lasted, and no average', () => {
    const packet = { ...flow(1, 443, 60), lastMicroseconds: 2_000_000 };
    const text = textOf(renderReport(summaryOf(windowOf(START, [packet])), { ...CONTEXT, details: [] }));
    expect(text).toContain('first to last packet: 2023-11-14 22:13:22.000 UTC ');
    expect(text).toContain('– on average: no elapsed time none lost ');
  });

  test('is a page without any window, too', () => {
    expect(textOf(renderReport(new ReportSummary(10), CONTEXT))).toContain('no packets recorded');
  });

  test('needs nothing from elsewhere, and lets nothing be fetched', () => {
    const page = renderReport(summaryOf(windowOf(START, [flow(1, 443, 1)])), CONTEXT);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    expect(page).not.toMatch(/<script|<link|<img|https?:|url\(|@import/);
  });

  test('cannot be broken out of by any name', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "</title>'&<!--", '</style>'),
    );
    const [plain, other] = ['plain', 'other'].map((name) =>
      renderReport(summaryOf(windowOf(START, [flow(1, 22, 1, name)])), {
        subject: name,
        details: [name],
        version: name,
      }),
    );
    const shape = (page: string) => page.replace(/<title>[^<]*<\/title>/g, '<title>').replace(/>[^<]*</g, '><');
    expect(shape(plain!)).toBe(shape(other!));
    fc.assert(
      fc.property(hostile, (name) => {
        const summary = summaryOf(windowOf(START, [flow(1, 22, 1, name || 'rule')]));
        const page = renderReport(summary, { subject: name, details: [name], version: name });
        expect(shape(page)).toBe(shape(plain!));
      }),
    );
  });

  test('says years, and leaves out the time between two captures, in the chart and in the average', () => {
    const summary = summaryOf(
      windowOf(START, [flow(1, 443, 9000)]),
      windowOf(START - 8 * 365 * 86_400, [flow(1, 443, 1000)]),
      windowOf(START + 10, [flow(1, 443, 2000)]),
    );
    const text = textOf(renderReport(summary, CONTEXT));
    expect(text).toContain('2015-11-16 22:13:22 to 2023-11-14 22:13:33 UTC (8 years) · on a host');
    expect(text).toContain('each bar 10 s, empty times longer than 2 min omitted');
    expect(text).toContain('8.0 kbit/s on average over 12 s, pauses excluded');
    expect(text).toContain(
      '2015-11-16 22:13:22.000 to 22:13:23.000: 1.0 kB, 1 packet 7 years 364 days without packets',
    );
  });

  test('has the average of the time that was observed where that is known', () => {
    const page = renderReport(summaryOf(windowOf(START, [flow(1, 443, 9000)])), { ...CONTEXT, observedSeconds: 90 });
    expect(textOf(page)).toContain('800 bit/s on average over 1 min 30 s of capture');
  });

  test('lists hundreds of flows, and says how many and how much it leaves out', () => {
    const flows = Array.from({ length: FLOWS_MAX + 100 }, (_, index) =>
      flow(index, 443, index < FLOWS_MAX ? 1000 : 100),
    );
    const page = renderReport(summaryOf(windowOf(START, flows)), CONTEXT);
    expect(page.match(/<tr><th scope="row">/g)).toHaveLength(FLOWS_MAX);
    expect(textOf(page)).toContain(
      'The 500 flows with the most bytes: 98.0 % of the bytes. Not listed: 100 smaller, with 10.0 kB (2.0 %).',
    );
    expect(textOf(page)).toContain('and 591 smaller ones');
  });

  test('has tables with headings, and bars that keys reach', () => {
    const page = renderReport(summaryOf(windowOf(START, [flow(1, 22, 3000, 'no ssh')], 7)), CONTEXT);
    const tables = page.match(/<table>.*?<\/table>/gs)!;
    expect(tables).toHaveLength(3);
    for (const table of tables) {
      expect(table).toMatch(
        /^<table>\n<caption>[^<]+<\/caption>\n<thead><tr>(<th scope="col">\w+<\/th>)+<\/tr><\/thead>/,
      );
      for (const row of table
        .match(/<tbody>.*/s)![0]
        .split('<tr')
        .slice(1)) {
        expect(row).toMatch(/^[^>]*><th scope="row">/);
      }
    }
    expect(page).toContain('role="radiogroup" aria-label="Bytes over time"');
    expect(page).not.toMatch(/<th(?! scope|ead>)/);
  });
});
