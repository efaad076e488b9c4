/** Findings as logs. No key is one of flows, so that sums over flows and a search for an address among them do not meet a finding. */
import type { FindingRecord } from '../../model/finding-record.ts';
import { type Contents, indexable } from './message.ts';

export function findingLog(finding: FindingRecord): Contents {
  const { uid, change, at, id, rule, title, state, severity, worstSeverity } = finding;
  const { firstSeen, lastSeen, windows, times, isCoarse, explainedBy, mitre, records } = finding;
  const pairs: Contents = [
    ['event', 'finding'],
    ['finding-uid', uid],
    ['finding-change', change],
    ['finding-at', String(at)],
    ['finding-id', id],
    ['finding-rule', rule],
    ['finding-title', title],
    ['finding-state', state],
    ['finding-severity', severity],
    ['finding-worst-severity', worstSeverity],
    ...Object.entries(finding.subject).map(([name, value]) => [`finding-${indexable(name)}`, value] as const),
    ...Object.entries(finding.figures).map(
      ([name, value]) => [`finding-figure-${indexable(name)}`, String(value)] as const,
    ),
    ['finding-first-seen', String(firstSeen)],
    ['finding-last-seen', String(lastSeen)],
    ['finding-windows', String(windows)],
    ['finding-times', String(times)],
    ['finding-coarse', isCoarse ? '1' : '0'],
    ['finding-explained-by', explainedBy.join(',')],
    ['finding-mitre', mitre],
    ['finding-records', records],
  ];
  return pairs.filter(([, value]) => value !== '');
}
