/** Why packets are in a table of their own: the packet filter rejected them. */
export interface Rejection {
  /** The rule, as its log prefix names it. */
  readonly rule: string;
  /** Whether the tap counted the packets, too: they came in through its interface. What would have gone out never met it. */
  readonly wasTapped: boolean;
}

/** Under a number that no other of its window has. */
export interface NumberedRejection extends Rejection {
  readonly number: number;
}

/** Rules that are distinguished in one window; those of further ones go under one name. */
export const REJECT_RULES_MAX = 64;
export const OTHER_RULES = '(other rules)';
