/** A finding as the first signal of its cause makes it, and as further ones change it. */
import type { Severity } from '../analyses/analysis.ts';
import { bySeverity } from '../analyses/question.ts';
import type { Finding } from './finding.ts';
import type { Signal } from './signal.ts';

export function opened(id: string, signal: Signal, now: number): Finding {
  const { rule, severity, subject, figures, since, until, isCoarse } = signal;
  return {
    id,
    rule,
    subject,
    state: 'open',
    severity,
    worstSeverity: severity,
    figures,
    isCoarse,
    firstSeen: since,
    lastSeen: until,
    openedAt: now,
    closedAt: undefined,
    windows: 1,
    times: 1,
    explainedBy: [],
    acknowledgement: undefined,
  };
}

export function updated(finding: Finding, { severity, figures, since, until, isCoarse }: Signal): Finding {
  return {
    ...finding,
    severity,
    worstSeverity: isWorse(severity, finding.worstSeverity) ? severity : finding.worstSeverity,
    figures,
    isCoarse,
    firstSeen: Math.min(finding.firstSeen, since),
    lastSeen: Math.max(finding.lastSeen, until),
    windows: finding.windows + (until > finding.lastSeen ? 1 : 0),
  };
}

export function isWorse(severity: Severity, than: Severity): boolean {
  return bySeverity(severity, than) < 0;
}
