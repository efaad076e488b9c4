import type { Severity } from '../../analyses/analysis.ts';
import type { EventsAfter } from '../../detect/event-log.ts';
import type { FindingCounts } from '../../detect/finding.ts';

/** What happened after a cursor, and what is open by then. */
export interface Followed extends EventsAfter {
  readonly open: Readonly<Record<Severity, number>>;
  readonly counts: FindingCounts;
}

/** A book of findings that is followed: that of the log service beside the agent, or the agent's own. */
export interface FindingsSource {
  /**
   * Waits for the first event after the cursor, some seconds at most.
   * @param cursor undefined: from now on
   * @throws Error that says why it cannot be asked now
   */
  after(cursor: number | undefined, signal: AbortSignal): Promise<Followed>;
}
