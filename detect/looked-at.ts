import type { ObserverUse } from './window-observer.ts';

/** Records since the start, of which the rules saw some, and what was more than they take. Counters only grow. */
export interface LookedAt {
  /** That the rules saw. */
  readonly records: number;
  /** That were stored faster than they are looked at, or are beyond the limit of a window. */
  readonly skipped: number;
  /** Windows that came after a later one had ended, or could not be read. */
  readonly skippedWindows: number;
  /** That claimed to be from the future. */
  readonly ahead: number;
  /** That no agent writes, by what is wrong. */
  readonly invalidAddresses: number;
  readonly invalidNumbers: number;
  readonly invalidTimes: number;
  /** Of a time that a rule had left behind; once for each rule. */
  readonly late: number;
  /** Subjects that rules forgot because there were too many. */
  readonly subjectsEvicted: number;
  /** Signals of a window beyond those that a rule may have. */
  readonly unreported: number;
}

/** Of all rules. */
export function sumOfUse(uses: Iterable<ObserverUse>): Pick<LookedAt, 'late' | 'subjectsEvicted' | 'unreported'> {
  const sum = { late: 0, subjectsEvicted: 0, unreported: 0 };
  for (const { late, evicted, unreported } of uses) {
    sum.late += late;
    sum.subjectsEvicted += evicted;
    sum.unreported += unreported;
  }
  return sum;
}
