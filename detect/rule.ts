import type { Observed } from './observed.ts';
import type { Subject } from './signal.ts';
import type { Known, SubjectLimits } from './subjects.ts';
import type { EndedWindow } from './window-observer.ts';

/** What an observer is made of: one rule of the catalogue, as what it knows of one subject, and what that amounts to. */
export interface Rule<Entry extends Known> {
  readonly limits: SubjectLimits;
  /** Whom the record is about, cells joined by spaces (`rowOf`); undefined where it does not matter to the rule. */
  keyOf(record: Observed): string | undefined;
  /** Whether a record makes one that is not known a subject; every record does without it. */
  begins?(record: Observed): boolean;
  create(record: Observed): Entry;
  /** Answers how many values the entry holds more. */
  add(entry: Entry, record: Observed): number;
  /** The lightest are forgotten first. */
  weight(entry: Entry): number;
  /** That meet the thresholds. */
  rows(entry: Entry, key: string, window: EndedWindow): readonly Row[];
}

export interface Row {
  readonly subject: Subject;
  readonly figures: Readonly<Record<string, number>>;
  readonly since: number;
  readonly until: number;
  /** Of a number that is an estimate. */
  readonly isEstimate?: boolean;
}

/** Of a subject that the key names: entries do not have it, because there are many of them. @param columns of the cells of the key */
export function rowOf(
  columns: readonly string[],
  key: string,
  { since, until }: Evidence,
  figures: Row['figures'],
  isEstimate = false,
): Row {
  const cells = key.split(' ');
  return {
    subject: Object.fromEntries(columns.map((column, at) => [column, cellOf(column, cells[at]!)])),
    figures,
    since,
    until,
    isEstimate,
  };
}

const NUMBERS: ReadonlySet<string> = new Set(['srcport', 'dstport', 'port', 'protocol', 'icmp-type', 'icmp-code']);

/** A number where its column has numbers, and only one that JSON has, too. */
function cellOf(column: string, cell: string): string | number {
  const number = NUMBERS.has(column) ? Number(cell) : Number.NaN;
  return Number.isSafeInteger(number) ? number : cell;
}

/** What every entry has: a class, whose objects are half as large as those of a spread literal. */
export class Evidence implements Known {
  isCoarse = false;
  values = 0;
  since: number;
  until: number;

  constructor({ start, end }: Pick<Observed, 'start' | 'end'>) {
    this.since = start;
    this.until = end;
  }
}

/** Widens the time to that of the record. */
export function extend(evidence: { since: number; until: number }, { start, end }: Observed): void {
  if (start < evidence.since) evidence.since = start;
  if (end > evidence.until) evidence.until = end;
}
