/** Network interfaces that came and went since the last look. Times are Unix seconds. */
export interface LinkChanges {
  /** Whether anything changed at all: an interface may have come up. */
  readonly isChanged: boolean;
  readonly appeared: readonly AppearedLink[];
  readonly vanished: readonly VanishedLink[];
}

export interface AppearedLink {
  readonly index: number;
  readonly name: string;
  readonly atSeconds: number;
}

export interface VanishedLink {
  readonly index: number;
  readonly name: string;
  /** Received and sent in its life, as far as it is known. */
  readonly packets: number;
  /** Undefined where it was there from the start. */
  readonly appearedAt: number | undefined;
}

/** What of it concerns whoever chooses interfaces. */
export interface LinkNews {
  readonly appeared: readonly AppearedLink[];
  /** Those that went without ever being captured. */
  readonly missed: readonly VanishedLink[];
  readonly hasVanished: boolean;
}
