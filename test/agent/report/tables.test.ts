import { describe, expect, test } from 'vitest';
import { createLedger, type Ledger } from '../../../agent/model/ledger.ts';
import { Ranking, type Sums } from '../../../agent/report/ranking.ts';
import { ReportSummary } from '../../../agent/report/summary.ts';
import { FLOWS_MAX, flowSection, forgottenNote, ledgerSection, shareText } from '../../../agent/report/tables.ts';
import { LEDGER_ROWS } from '../../../schema/ledger-numbers.ts';
import { cursorOver } from '../../support/flow-records.ts';

function summaryWith(parts: Partial<Ledger>): ReportSummary {
  const summary = new ReportSummary(10);
  summary.add({ start: 0, ledger: { ...createLedger([]), ...parts }, records: () => cursorOver([]) });
  return summary;
}

/** `term | packets | bytes` of each row, and the notes below. */
function ledgerOf(parts: Partial<Ledger>): { readonly rows: readonly string[]; readonly notes: readonly string[] } {
  const { text } = ledgerSection(summaryWith(parts));
  const rows = [...text.matchAll(/<tr class="(\w*)"><th scope="row">(.*?)<\/th><td>(.*?)<\/td><td>(.*?)<\/td>/g)];
  const notes = [...text.matchAll(/<p class="note">(.*?)<\/p>/g)];
  return {
    rows: rows.map(([, kind, ...cells]) => `${cells.join(' | ')}${kind === '' ? '' : ` (${kind})`}`),
    notes: notes.map(([, note]) => note!),
  };
}

describe('the ledger of a report', () => {
  test('has a row for everything that became of a packet, losses stressed', () => {
    const { rows, notes } = ledgerOf({
      metered: { packets: 5000, bytes: 300_000 },
      coarsened: { packets: 700, bytes: 42_000 },
      coarsenedKeys: 650,
      rejected: { packets: 60, bytes: 3600 },
      evicted: { packets: 4, bytes: 240 },
      excluded: { dhcp: { packets: 3, bytes: 900 }, unused: { packets: 0, bytes: 0 } },
      notIp: { packets: 1, bytes: 60 },
      malformed: { packets: 2, bytes: 80 },
      overflowed: { packets: 7, bytes: 420 },
      droppedByKernel: 8,
      droppedByInterface: 9,
    });
    expect(rows).toEqual([
      'offered | 5,030 |  (sum)',
      'in 0 records of 1 window | 5,000 | 300.0 kB',
      'of these in coarser records | 700 | 42.0 kB',
      'of these rejected | 60 | 3.6 kB',
      'of these evicted | 4 | 240 B (bad)',
      'excluded by dhcp | 3 | 900 B',
      'not IP | 1 | 60 B',
      'malformed | 2 | 80 B',
      'overflowed | 7 | 420 B (bad)',
      'dropped by the kernel | 8 |  (bad)',
      'dropped by the interface | 9 |  (bad)',
    ]);
    expect(notes).toEqual([]);
  });

  test.each(LEDGER_ROWS.filter(({ name }) => name !== 'coarsenedKeys'))(
    'shows the number $name where it is not zero',
    ({ name, kind }) => {
      const value = kind === 'tally' ? { packets: 4711, bytes: 1 } : kind === 'count' ? 4711 : true;
      const { text } = ledgerSection(summaryWith({ [name]: value }));
      expect(text).not.toBe(ledgerSection(summaryWith({})).text);
      if (kind !== 'flag') expect(text).toContain('4,711');
    },
  );

  test('leaves out what did not happen', () => {
    expect(ledgerOf({}).rows).toEqual(['offered | 0 |  (sum)', 'in 0 records of 1 window | 0 | ']);
  });

  test('says in notes what no row can count', () => {
    const gaps = [
      { fromSeconds: 1, toSeconds: 2.25, reason: 'interface-gone' as const },
      { fromSeconds: 5, toSeconds: 6, reason: 'interface-gone' as const },
    ];
    const rejectsUnmatched = { packets: 3, bytes: 120 };
    const { notes } = ledgerOf({ gaps, dropsUnknown: true, rejectsLost: 2, rejectsUnmatched, beforeAttach: 1 });
    expect(notes).toEqual([
      '1 packet came before capture began.',
      'The verdict on 2 packets is lost: rejected, and recorded as ACCEPT.',
      '3 packets in REJECT records match no captured flow.',
      '2 capture gaps, 2.3 s in total.',
      'Drops unknown: the capture engine cannot count all of them.',
    ]);
  });

  test('names who was excluded by a rule: the largest of them', () => {
    const peers = [1, 2, 3, 4].map((index) => ({
      source: `10.0.0.${index}`,
      destination: '10.0.0.9',
      protocol: 17,
      port: 67,
      packets: 10 - index,
      bytes: 1000 - index,
      missedBytesMax: 0,
    }));
    const { rows } = ledgerOf({
      excluded: { dhcp: { packets: 30, bytes: 3990 } },
      excludedPeers: { dhcp: { peers, unlistedBytesMax: 0 } },
    });
    expect(rows.filter((row) => row.startsWith('of these'))).toEqual([
      'of these 10.0.0.1 &gt; 10.0.0.9 udp/67 | 9 | 999 B',
      'of these 10.0.0.2 &gt; 10.0.0.9 udp/67 | 8 | 998 B',
      'of these 10.0.0.3 &gt; 10.0.0.9 udp/67 | 7 | 997 B',
    ]);
  });

  test('cannot be broken out of by the name of a rule', () => {
    const { text } = ledgerSection(summaryWith({ excluded: { '</th><script>': { packets: 1, bytes: 1 } } }));
    expect(text).toContain('excluded by &lt;/th&gt;&lt;script&gt;');
  });
});

describe('the flows of a report', () => {
  function section(flows: Readonly<Record<string, number>>, allBytes: number, forgotten = 0): string {
    const ranking = new Ranking<Sums>(() => ({ packets: 0, bytes: 0 }));
    for (const [label, bytes] of Object.entries(flows)) Object.assign(ranking.of(label), { packets: 1, bytes });
    ranking.forgotten = forgotten;
    return flowSection('Largest flows', ranking, allBytes).text;
  }
  const captionOf = (text: string) => /<caption>(.*?)<\/caption>/.exec(text)![1];

  test('are all of them, with their share of all bytes', () => {
    const text = section({ small: 250, large: 750 }, 1000);
    expect(captionOf(text)).toBe('All 2 flows, most bytes first.');
    expect(text).toContain(
      '<tr><th scope="row">large</th><td>1</td><td>750 B</td><td>75.0 %</td></tr>' +
        '<tr><th scope="row">small</th><td>1</td><td>250 B</td><td>25.0 %</td></tr>',
    );
  });

  test('are the largest where there are many, or where small ones were forgotten', () => {
    const many = Object.fromEntries(Array.from({ length: FLOWS_MAX + 1 }, (_, index) => [`flow ${index}`, 100]));
    expect(captionOf(section(many, 100 * FLOWS_MAX + 100))).toBe(
      'The 500 flows with the most bytes: 99.8 % of the bytes. Not listed: 1 smaller, with 100 B (0.2 %).',
    );
    expect(captionOf(section({ one: 900 }, 1000, 2000))).toBe(
      'The 1 flow with the most bytes: 90.0 % of the bytes. Not listed: 2,000 or fewer smaller, with 100 B (10.0 %).',
    );
  });

  test('say how many were evicted', () => {
    expect(forgottenNote({ forgotten: 0 })).toBeUndefined();
    expect(forgottenNote({ forgotten: 1234 })!.text).toBe(
      '<p class="note">1,234 small ones evicted to limit memory; the ledger includes them.</p>',
    );
  });
});

test.each([
  [0, 0, '0.0 %'],
  [0, 10, '0.0 %'],
  [1, 3, '33.3 %'],
  [10, 10, '100.0 %'],
])('the share of %d in %d is %s', (part, whole, text) => expect(shareText(part, whole)).toBe(text));
