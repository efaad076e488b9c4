/** Runs one rule over windows: keeps what it knows of each subject for the rule's span, and makes signals of its rows. */
import type { Analysis, Severity } from '../analyses/analysis.ts';
import { bySeverity, severityOf } from '../analyses/question.ts';
import type { Observed } from './observed.ts';
import type { Row, Rule } from './rule.ts';
import type { Signal } from './signal.ts';
import { type Known, Subjects } from './subjects.ts';
import { type EndedWindow, type ObserverUse, SIGNALS_MAX, type WindowObserver } from './window-observer.ts';

/**
 * What counts at the end of a window: records of an aligned time so far (seconds), of that window alone, or (`expiry`) of the last
 * seconds, where a subject is forgotten when it was not seen for so long. Windows of several hosts overlap: of a subject they are one
 * window, until that was closed and a record begins after its end.
 */
export type Span = { readonly seconds: number } | { readonly expiry: number } | 'window';

export class RuleObserver<Entry extends Known & { until: number }> implements WindowObserver {
  readonly #analysis: Analysis;
  readonly #definition: Rule<Entry>;
  readonly #span: Span;
  readonly #subjects: Subjects<Entry>;
  #spanStart = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  #closedUntil = Number.NEGATIVE_INFINITY;
  #late = 0;
  #unreported = 0;

  constructor(analysis: Analysis, definition: Rule<Entry>, span: Span) {
    this.#analysis = analysis;
    this.#definition = definition;
    this.#span = span;
    this.#subjects = new Subjects(definition.limits, (entry) => definition.weight(entry));
  }

  get rule(): string {
    return this.#analysis.name;
  }

  get use(): ObserverUse {
    const { size: subjects, values, evicted } = this.#subjects;
    return { subjects, values, evicted, ...this.#definition.limits, late: this.#late, unreported: this.#unreported };
  }

  observe(record: Observed): void {
    const key = this.#definition.keyOf(record);
    if (key === undefined) return;
    const time = record.spanTime ?? record.start;
    if (this.#isClosed) this.#forgetWindows(time);
    if (!this.#enter(time)) {
      this.#late++;
      return;
    }
    const entry = this.#known(key, record) ?? this.#admit(key, record);
    if (entry !== undefined) this.#subjects.grow(entry, this.#definition.add(entry, record));
  }

  close(window: EndedWindow): readonly Signal[] {
    if (this.#isClosed) this.#forgetWindows(window.start);
    this.#enter(window.start);
    if (isExpiring(this.#span)) {
      const forgotten = window.end - this.#span.expiry;
      this.#subjects.expire(({ until }) => until <= forgotten);
    }
    this.#isClosed = true;
    this.#closedUntil = Math.max(this.#closedUntil, window.end);
    return this.#mostSevere(this.#signals(window));
  }

  #known(key: string, record: Observed): Entry | undefined {
    const entry = this.#subjects.get(key);
    if (entry === undefined || !this.#isOver(entry, record)) return entry;
    this.#subjects.remove(key, entry);
    return undefined;
  }

  /** Whether the record begins the subject anew. */
  #isOver({ until }: Entry, { start, end }: Observed): boolean {
    if (this.#span === 'window') return until <= this.#closedUntil && until <= start;
    return isExpiring(this.#span) && until <= end - this.#span.expiry;
  }

  #admit(key: string, record: Observed): Entry | undefined {
    const definition = this.#definition;
    if (definition.begins?.(record) === false) return undefined;
    return this.#subjects.admit(key, () => definition.create(record));
  }

  /** Those that had ended by then, once they were closed. */
  #forgetWindows(time: number): void {
    this.#isClosed = false;
    if (this.#span !== 'window') return;
    this.#subjects.expire(({ until }) => until <= time);
    this.#subjects.settle();
  }

  /** Whether the time belongs to the span, which begins anew with the first that is beyond it. */
  #enter(start: number): boolean {
    if (this.#span === 'window' || isExpiring(this.#span)) return true;
    const spanStart = start - (start % this.#span.seconds);
    if (spanStart > this.#spanStart) {
      if (this.#spanStart !== Number.NEGATIVE_INFINITY) this.#subjects.clear();
      this.#spanStart = spanStart;
    }
    return spanStart === this.#spanStart;
  }

  #signals(window: EndedWindow): readonly Signal[] {
    const signals: Signal[] = [];
    for (const [key, entry] of this.#subjects.entries()) {
      for (const row of this.#definition.rows(entry, key, window)) {
        const severity = severityOf(this.#analysis, { ...row.subject, ...row.figures });
        if (severity !== undefined) signals.push(this.#signal(row, severity, entry.isCoarse));
      }
    }
    return signals;
  }

  #signal({ subject, figures, since, until, isEstimate = false }: Row, severity: Severity, isCoarse: boolean): Signal {
    return { rule: this.rule, severity, subject, figures, since, until, isCoarse: isCoarse || isEstimate };
  }

  #mostSevere(signals: readonly Signal[]): readonly Signal[] {
    const sorted = signals.toSorted((left, right) => bySeverity(left.severity, right.severity));
    this.#unreported += Math.max(0, sorted.length - SIGNALS_MAX);
    return sorted.slice(0, SIGNALS_MAX);
  }
}

function isExpiring(span: Span): span is { readonly expiry: number } {
  return typeof span === 'object' && 'expiry' in span;
}
