import type { EVICTED, NumbersOf, SPOOL, SPOOL_SINK } from './numbers.ts';

/** Batches that went over a limit, and what was in them. */
export type EvictedNumbers = NumbersOf<typeof EVICTED>;

/** What the spool has for one sink. */
export interface SpoolSinkStatus extends NumbersOf<typeof SPOOL_SINK> {
  readonly name: string;
  /** Whether the configuration names it; else an earlier one did, and nothing new is written for it. */
  readonly configured: boolean;
  readonly evicted: EvictedNumbers;
}

/** The spool in numbers. A batch that several sinks owe is one file, and counts once. */
export interface SpoolStatus extends NumbersOf<typeof SPOOL> {
  readonly evicted: EvictedNumbers;
  /** Whether what earlier runs left is still being read: names first (until then nothing is pending), then sizes. */
  readonly isReadingIndex: boolean;
  /** Those of the configuration, in its order, then those of which an earlier one left something. */
  readonly sinks: readonly SpoolSinkStatus[];
}
