import type { Observed } from './observed.ts';
import type { Subject } from './signal.ts';
import type { Known, SubjectLimits } from './subjects.ts';
import type { EndedWindow } from './window-observer.ts';

/** What an observer is made of: one rule of the catalogue, as what it knows of one subject, and what that amounts to. */
export interface Rule<Entry extends Known> {
  readonly limits: SubjectLimits;
  /** Whom the record is about; undefined where it does not matter to the rule. */
  keyOf(record: Observed): string | undefined;
  /** Of a subject that is not known; undefined where this record does not make it one. */
  create(record: Observed): Entry | undefined;
  /** Answers how many values the entry holds more. */
  add(entry: Entry, record: Observed): number;
  /** The lightest are forgotten first. */
  weight(entry: Entry): number;
  /** That meet the thresholds. */
  rows(entry: Entry, window: EndedWindow): readonly Row[];
}

export interface Row {
  readonly subject: Subject;
  readonly figures: Readonly<Record<string, number>>;
  readonly since: number;
  readonly until: number;
  /** Of a number that is an estimate. */
  readonly isEstimate?: boolean;
}

/** What most entries begin with. */
export interface Evidence extends Known {
  since: number;
  until: number;
}

export function evidenceOf({ start, end }: Observed): Evidence {
  return { isCoarse: false, values: 0, since: start, until: end };
}

/** Widens the time to that of the record. */
export function extend(evidence: { since: number; until: number }, { start, end }: Observed): void {
  if (start < evidence.since) evidence.since = start;
  if (end > evidence.until) evidence.until = end;
}
