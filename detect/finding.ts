import type { Severity } from '../analyses/analysis.ts';
import type { Subject } from './signal.ts';

/** `repeated`: open again after it had been closed. */
export const FINDING_STATES = ['open', 'repeated', 'closed'] as const;
export type FindingState = (typeof FINDING_STATES)[number];

/** One cause, however many windows show it. Times are Unix seconds. JSON as it is. */
export interface Finding {
  /** Of 16 hexadecimal digits; the same for the same rule and subject. */
  readonly id: string;
  readonly rule: string;
  readonly subject: Subject;
  readonly state: FindingState;
  /** At the last signal, and the worst so far. */
  readonly severity: Severity;
  readonly worstSeverity: Severity;
  /** Of the last signal. */
  readonly figures: Readonly<Record<string, number>>;
  readonly isCoarse: boolean;
  /** Start of the first window, and end of the last, in which it was seen. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** When it was opened for the last time, and closed. */
  readonly openedAt: number;
  readonly closedAt: number | undefined;
  /** Ends of windows at which there was something new of it. */
  readonly windows: number;
  /** How often it was opened. */
  readonly times: number;
  /** Ids of the findings that explain it: a scan explains what it is refused. Empty for a cause of its own. */
  readonly explainedBy: readonly string[];
  readonly acknowledgement: Acknowledgement | undefined;
}

export interface Acknowledgement {
  readonly at: number;
  readonly comment: string;
}

/** `worsened`: its worst severity rose. */
export const FINDING_CHANGES = ['opened', 'repeated', 'worsened', 'closed'] as const;
export type FindingChange = (typeof FINDING_CHANGES)[number];

/** What became of a finding at the end of a window. */
export interface FindingEvent {
  readonly change: FindingChange;
  readonly at: number;
  /** As it was then. */
  readonly finding: Finding;
}

/** Signals that are to become no findings; each member narrows it. */
export interface Suppression {
  readonly id: string;
  readonly rule: string | undefined;
  /** An address or a prefix (`10.0.0.0/8`), of any of the subject's addresses. */
  readonly peer: string | undefined;
  /** Unix seconds; undefined for ever. */
  readonly until: number | undefined;
  readonly comment: string;
}

/** Counters only grow, and survive a restart with the book. */
export interface FindingCounts {
  readonly opened: number;
  readonly repeated: number;
  readonly closed: number;
  /** Signals that a suppression took. */
  readonly suppressed: number;
  /** Findings that were forgotten because there were too many. */
  readonly evictedOpen: number;
  readonly evictedClosed: number;
}
