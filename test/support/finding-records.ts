import fc from 'fast-check';
import type { FindingRecord } from '../../agent/model/finding-record.ts';

export const FINDING: FindingRecord = {
  ...{ uid: 'a-17', change: 'opened', at: 1_700_000_100, id: '5c1f0a3be2d94417', rule: 'scan-ports' },
  ...{ title: 'Port scans', state: 'open', severity: 'medium', worstSeverity: 'high' },
  subject: { srcaddr: '10.0.0.9', dstaddr: '10.0.0.1' },
  figures: { ports: 120 },
  ...{ firstSeen: 1_700_000_040, lastSeen: 1_700_000_100, windows: 1, times: 1, isCoarse: true },
  explainedBy: ['0123456789abcdef', 'fedcba9876543210'],
  ...{ mitre: 'T1046', records: 'srcaddr:10.0.0.9 AND dstaddr:10.0.0.1' },
};

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const count = fc.nat();
const names = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 10 }).filter((name) => name !== '__proto__');

/** Also those that no book makes. */
export const findingRecord: fc.Arbitrary<FindingRecord> = fc.record({
  ...{ uid: text, change: text, id: text, rule: text, title: text, state: text, severity: text, worstSeverity: text },
  ...{ mitre: text, records: text, at: count, firstSeen: count, lastSeen: count, windows: count, times: count },
  subject: fc.dictionary(names, text, { noNullPrototype: true }),
  figures: fc.dictionary(
    names,
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
    {
      noNullPrototype: true,
    },
  ),
  isCoarse: fc.boolean(),
  explainedBy: fc.array(text.filter((id) => id !== '')),
});
