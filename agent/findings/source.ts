import type { FollowedEvents } from '../../detect/asking.ts';

export interface ReadEvents extends FollowedEvents {
  /** Events up to the cursor that are too long to be read; undefined for none. */
  readonly skipped?: number;
}

/** A book of findings that is followed: that of the log service beside the agent, or the agent's own. */
export interface FindingsSource {
  /**
   * Waits for the first event after the cursor, some seconds at most.
   * @param cursor undefined: from now on
   * @throws Error that says why it cannot be asked now
   */
  after(cursor: number | undefined, signal: AbortSignal): Promise<ReadEvents>;
}
