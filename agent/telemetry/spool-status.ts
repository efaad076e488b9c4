/** Batches that went over a limit, and what was in them. */
export interface EvictedNumbers {
  readonly batches: number;
  readonly records: number;
  readonly packets: number;
  readonly bytes: number;
}

/** What the spool has for one sink. */
export interface SpoolSinkStatus {
  readonly name: string;
  /** Whether the configuration names it; else an earlier one did, and nothing new is written for it. */
  readonly configured: boolean;
  readonly batches: number;
  readonly bytes: number;
  readonly oldestAgeSeconds: number | null;
  readonly evicted: EvictedNumbers;
  readonly quarantinedBatches: number;
  readonly quarantineFiles: number;
  readonly newerBatches: number;
}

/** The spool in numbers. A batch that several sinks owe is one file, and counts once. */
export interface SpoolStatus {
  readonly batches: number;
  readonly bytes: number;
  readonly bytesMax: number;
  readonly oldestAgeSeconds: number | null;
  readonly evicted: EvictedNumbers;
  readonly damagedBatches: number;
  readonly quarantinedBatches: number;
  /** Of those, nobody knows how many packets were in them. */
  readonly unaccountedBatches: number;
  /** In the quarantine now, those of earlier runs included. */
  readonly quarantineFiles: number;
  /** Of those that are pending, known to be a newer flowlogd's: they stay for that version. */
  readonly newerBatches: number;
  readonly vanishedBatches: number;
  readonly vanishedPackets: number;
  /** Of those, nobody knows how many packets were in them. */
  readonly vanishedUnaccountedBatches: number;
  /** Whether what earlier runs left is still being read: names first (until then nothing is pending), then sizes. */
  readonly isReadingIndex: boolean;
  /** Batches whose sizes are not in `bytes` yet. */
  readonly unmeasuredBatches: number;
  /** Those of the configuration, in its order, then those of which an earlier one left something. */
  readonly sinks: readonly SpoolSinkStatus[];
}
