/** Which findings are consequences of others: the hosts that a scan tried do not answer it, or refuse. */
import type { Explanation } from '../analyses/analysis.ts';
import type { Finding } from './finding.ts';

/** Seconds that may lie between the two: windows of several interfaces end one after the other. */
const APART_MAX_SECONDS = 600;

/** Ids of those among `all` that explain the finding. @param explanations of its rule */
export function explainedBy(
  finding: Finding,
  explanations: readonly Explanation[],
  ofRule: (rule: string) => readonly Finding[],
): readonly string[] {
  return explanations.flatMap(({ analysis, where }) =>
    ofRule(analysis)
      .filter((other) => isAtTheSameTime(finding, other) && isAboutTheSame(finding, other, where))
      .map(({ id }) => id),
  );
}

function isAtTheSameTime(finding: Finding, other: Finding): boolean {
  return (
    other.firstSeen <= finding.lastSeen + APART_MAX_SECONDS && other.lastSeen >= finding.firstSeen - APART_MAX_SECONDS
  );
}

function isAboutTheSame({ subject }: Finding, other: Finding, where: Explanation['where']): boolean {
  return Object.entries(where).every(([column, otherColumn]) => subject[column] === other.subject[otherColumn]);
}
