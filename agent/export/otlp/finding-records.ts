/** Findings as log records with an event name and attributes of their own. */
import type { FindingRecord } from '../../model/finding-record.ts';
import type { Attributes } from './message.ts';
import type { WindowRecord } from './window-records.ts';

export const FINDING_EVENT = 'flowlogd.finding';

export function findingRecord(finding: FindingRecord): WindowRecord {
  const { uid, change, at, id, rule, title, state, severity, worstSeverity, subject, figures } = finding;
  const { firstSeen, lastSeen, windows, times, isCoarse, explainedBy, mitre, records } = finding;
  const own: Attributes = [
    ['change', change],
    ['at', at],
    ['id', id],
    ['rule', rule],
    ['title', title],
    ['state', state],
    ['severity', severity],
    ['worst_severity', worstSeverity],
    ...Object.entries(subject).map(([name, value]) => [`subject.${attributeName(name)}`, value] as const),
    ...Object.entries(figures).map(([name, value]) => [`figure.${attributeName(name)}`, { double: value }] as const),
    ['first_seen', firstSeen],
    ['last_seen', lastSeen],
    ['windows', windows],
    ['times', times],
    ['coarse', isCoarse],
    ['explained_by', explainedBy.join(',')],
    ['mitre', mitre],
    ['records', records],
  ];
  const attributes = own
    .filter(([, value]) => value !== '')
    .map(([name, value]) => [`${FINDING_EVENT}.${name}`, value] as const);
  return { event: FINDING_EVENT, suffix: `finding-${uid}`, attributes };
}

function attributeName(column: string): string {
  return column.replaceAll('-', '_');
}
