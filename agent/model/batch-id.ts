import type { FlowLog } from './flow-log.ts';

/** What tells one batch from every other, for ever. */
export interface BatchId {
  /** The host, stable over reboots. */
  readonly hostId: string;
  /** One run of the agent. */
  readonly runId: string;
  readonly flowLogId: string;
  readonly interfaceId: string;
  /** Unix seconds. */
  readonly windowStart: number;
  /** Counts from 0 in its window. */
  readonly part: number;
  /** Where a sink made us cut the batch in pieces: one digit a cut, 0 for the first half and 1 for the second; else empty. */
  readonly split: string;
}

/** Everything a batch says beside its records. */
export interface BatchHeader extends BatchId {
  readonly accountId: FlowLog['accountId'];
  readonly windowSeconds: number;
}
