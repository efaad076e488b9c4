import type { Severity } from '../analyses/analysis.ts';

/** One rule that one subject meets in the records up to the end of a window: a row of the analysis, before it is queried. */
export interface Signal {
  /** Name of an analysis of the catalogue. */
  readonly rule: string;
  readonly severity: Severity;
  /**
   * Cells of the columns that name whom it is about: those that `records` of the analysis names, so that
   * `recordsBehind(analysis, signal.subject)` finds the records.
   */
  readonly subject: Subject;
  /** All other columns of the row, without `since` and `until`. */
  readonly figures: Readonly<Record<string, number>>;
  /** Start of the first window, and end of the last, in which it was seen: Unix seconds. */
  readonly since: number;
  readonly until: number;
  /** Figures are lower limits or estimates: more subjects than the rule's limit were seen. */
  readonly isCoarse: boolean;
}

export type Subject = Readonly<Record<string, string | number>>;

/** The same for the same rule and subject, in every process. */
export function causeOf({ rule, subject }: Pick<Signal, 'rule' | 'subject'>): string {
  const cells = Object.entries(subject).map(([column, value]) => `${column}=${value}`);
  return [rule, ...cells.sort()].join(' ');
}
