/** The spool in numbers. */
export interface SpoolStatus {
  readonly batches: number;
  readonly bytes: number;
  readonly bytesMax: number;
  readonly oldestAgeSeconds: number | null;
  readonly dropped: {
    readonly batches: number;
    readonly records: number;
    readonly packets: number;
    readonly bytes: number;
  };
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
}
