/** What the recorder's thread tells of open windows while somebody follows them, and how it is asked to. */

/** Between two readings of the open windows. */
export const LIVE_STEP_MS = 1000;

export type LiveRequest = { readonly kind: 'begin' | 'end' };

/** One reading, or the rest of a window that was closed. */
export interface LiveStep {
  /** Of rows, a JSON object a line. */
  readonly rows: Uint8Array;
  readonly numbers: LiveNumbers;
}

export interface LiveNumbers {
  readonly flows: number;
  /** Flows whose increments come with a later step. */
  readonly deferred: number;
  /** Flows of closed windows, and their packets, that are in no step: there were too many. */
  readonly omittedFlows: number;
  readonly omittedPackets: number;
  /** Slots that were being written whenever they were read; they come with a later step. */
  readonly unsettled: number;
  /** Windows that were too large or too many to be read, or for which there was no memory; and closed ones that were open before and never read. */
  readonly unreadWindows: number;
  /** How long the reading took its thread. */
  readonly milliseconds: number;
}
