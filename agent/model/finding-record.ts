/** What became of a finding, as it travels in a batch: whoever reads it needs neither the book nor the catalogue. */
export interface FindingRecord {
  /** The same wherever and however often it arrives. */
  readonly uid: string;
  /** `opened`, `repeated`, `worsened`, `closed`. */
  readonly change: string;
  /** Unix seconds, as all times here. */
  readonly at: number;
  readonly id: string;
  readonly rule: string;
  readonly title: string;
  readonly state: string;
  readonly severity: string;
  readonly worstSeverity: string;
  readonly subject: Readonly<Record<string, string>>;
  readonly figures: Readonly<Record<string, number>>;
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly windows: number;
  readonly times: number;
  /** Figures are lower limits. */
  readonly isCoarse: boolean;
  /** Ids of findings. */
  readonly explainedBy: readonly string[];
  /** Empty where there is none. */
  readonly mitre: string;
  /** The condition that finds the records behind it; empty where there is none. */
  readonly records: string;
}

/** Of one batch; further ones go into the next. */
export const FINDINGS_OF_BATCH_MAX = 100;
