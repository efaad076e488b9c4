/**
 * Makes findings of the signals of successive windows: one for one cause, however many windows show it. Pure: whoever has the book says
 * what time it is, and persists its snapshot.
 *
 *     signal ──▶ suppressed? ──▶ open ──▶ closed, when nothing new was seen for the time that its rule names
 *                                  ▲          │
 *                                  └─repeated─┘  seen again
 *
 * Limits: `openMax` findings are open at once; beyond that a new one takes the place of one that is less severe, or is left out.
 * `closedMax` closed ones are known; the oldest go first. Both are counted.
 */
import type { Analysis, Severity } from '../analyses/analysis.ts';
import { bySeverity } from '../analyses/question.ts';
import { type BookSnapshot, parseSnapshot, snapshotOf } from './book-snapshot.ts';
import { commentOf } from './comment.ts';
import { explainedBy } from './explanations.ts';
import type { Finding, FindingChange, FindingCounts, FindingEvent, FindingState, Suppression } from './finding.ts';
import { idOf } from './finding-id.ts';
import { isWorse, opened, updated } from './finding-of-signal.ts';
import { LastHeard } from './last-heard.ts';
import { causeOf, type Signal } from './signal.ts';
import { InvalidSuppression, type SuppressionRequest, Suppressions } from './suppressions.ts';

export interface BookLimits {
  readonly openMax: number;
  readonly closedMax: number;
}
const LIMITS: BookLimits = { openMax: 1000, closedMax: 1000 };

export interface FindingFilter {
  readonly states?: readonly FindingState[];
  readonly rule?: string;
}

/** By cause. */
type Changes = Map<string, FindingChange>;

interface Heard {
  readonly now: number;
  readonly heardAt: number;
}

export class FindingsBook {
  readonly #rules: ReadonlyMap<string, Analysis>;
  readonly #limits: BookLimits;
  /** By cause. */
  readonly #open = new Map<string, Finding>();
  /** By cause, the one that was closed first in front. */
  readonly #closed = new Map<string, Finding>();
  /** Of open findings. */
  readonly #heard = new LastHeard();
  readonly #suppressions = new Suppressions();
  readonly #counts = { opened: 0, repeated: 0, closed: 0, suppressed: 0, evictedOpen: 0, evictedClosed: 0 };

  constructor(catalogue: readonly Analysis[], limits: Partial<BookLimits> = {}) {
    this.#rules = new Map(catalogue.map((analysis) => [analysis.name, analysis]));
    this.#limits = { ...LIMITS, ...limits };
  }

  /**
   * Findings of rules that the catalogue no longer has are left out, and what is invalid for itself.
   * @param onLeftOut told of each finding or suppression that is invalid, as a place
   * @throws Error that says what is invalid of the rest
   */
  static restore(
    catalogue: readonly Analysis[],
    given: unknown,
    onLeftOut: (place: string) => void,
    limits: Partial<BookLimits> = {},
  ): FindingsBook {
    const { findings, suppressions, counts } = parseSnapshot(given, onLeftOut);
    const book = new FindingsBook(catalogue, limits);
    Object.assign(book.#counts, counts);
    for (const finding of findings) {
      if (!book.#rules.has(finding.rule)) continue;
      if (finding.state === 'closed') book.#addClosed(finding);
      else if (book.#hasRoomFor(finding.severity)) book.#open.set(causeOf(finding), finding);
    }
    for (const suppression of suppressions) book.#suppressions.load(suppression);
    return book;
  }

  snapshot(): BookSnapshot {
    const findings = [...this.#open.values(), ...this.#closed.values()];
    return snapshotOf({ findings, suppressions: this.#suppressions.all, counts: this.counts });
  }

  get counts(): FindingCounts {
    return { ...this.#counts };
  }

  get suppressions(): readonly Suppression[] {
    return this.#suppressions.all;
  }

  /** Open ones first, then the most severe, then what was seen last. */
  list({ states, rule }: FindingFilter = {}): readonly Finding[] {
    return [...this.#open.values(), ...this.#closed.values()]
      .filter((finding) => states?.includes(finding.state) ?? true)
      .filter((finding) => rule === undefined || finding.rule === rule)
      .sort(byUrgency);
  }

  find(id: string): Finding | undefined {
    for (const findings of [this.#open, this.#closed])
      for (const finding of findings.values()) if (finding.id === id) return finding;
    return undefined;
  }

  openBySeverity(): Readonly<Record<Severity, number>> {
    const numbers = { low: 0, medium: 0, high: 0, critical: 0 };
    for (const { worstSeverity } of this.#open.values()) numbers[worstSeverity]++;
    return numbers;
  }

  /**
   * The signals of one window, or none; closes what is due.
   * @param now Unix seconds, of the window where it is one of the past
   * @param heardAt Unix seconds by the own clock
   */
  record(signals: readonly Signal[], now: number, heardAt = now): readonly FindingEvent[] {
    const changes: Changes = new Map();
    for (const signal of signals) {
      if (this.#suppressions.takes(signal, now)) this.#counts.suppressed++;
      else this.#take(signal, { now, heardAt }, changes);
    }
    this.#suppressions.expire(now);
    if (signals.length > 0) this.#explain();
    this.#closeDue(now, changes);
    return this.#events(changes, now);
  }

  /**
   * Closes what nothing new was heard of for the time that its rule names, though no window ends. Asked every few seconds.
   * @param now Unix seconds by the own clock
   */
  closeQuiet(now: number): readonly FindingEvent[] {
    return [...this.#open].flatMap(([cause, finding]) => {
      const quiet = this.#heard.quietSeconds(cause, now);
      if (quiet < this.#closeAfter(finding.rule)) return [];
      const at = Math.min(Math.floor(finding.lastSeen + quiet), now);
      return [{ change: 'closed' as const, at, finding: this.#close(finding, at) }];
    });
  }

  #events(changes: Changes, now: number): readonly FindingEvent[] {
    return [...changes].flatMap(([cause, change]) => {
      const finding = this.#open.get(cause) ?? this.#closed.get(cause);
      return finding === undefined ? [] : [{ change, at: now, finding }];
    });
  }

  /** Undefined where no such finding is known. */
  acknowledge(id: string, comment: string, now: number): Finding | undefined {
    const finding = this.find(id);
    if (finding === undefined) return undefined;
    const acknowledgement = { at: now, comment: commentOf(comment) };
    return this.#replace({ ...finding, acknowledgement });
  }

  /** Closes what it takes of the open findings, without an event. @throws InvalidSuppression */
  suppress(request: SuppressionRequest, now: number): Suppression {
    const { rule } = request;
    if (rule !== undefined && this.#rules.get(rule)?.finding === undefined)
      throw new InvalidSuppression(`invalid value '${rule}': expected an analysis that makes findings`);
    const suppression = this.#suppressions.add(request, now);
    for (const finding of this.#open.values()) if (this.#suppressions.takes(finding, now)) this.#close(finding, now);
    return suppression;
  }

  /** Whether there was one. */
  release(suppressionId: string): boolean {
    return this.#suppressions.release(suppressionId);
  }

  #take(signal: Signal, { now, heardAt }: Heard, changes: Changes): void {
    const cause = causeOf(signal);
    const known = this.#open.get(cause);
    if (known !== undefined) {
      if (signal.until > known.lastSeen) this.#heard.heard(cause, heardAt);
      const after = updated(known, signal);
      this.#open.set(cause, after);
      if (after.worstSeverity !== known.worstSeverity && !changes.has(cause)) changes.set(cause, 'worsened');
      return;
    }
    const before = this.#closed.get(cause);
    const isNews = signal.until > (before?.lastSeen ?? Number.NEGATIVE_INFINITY);
    if (!isNews || now - signal.until >= this.#closeAfter(signal.rule)) return;
    if (!this.#hasRoomFor(signal.severity)) this.#counts.evictedOpen++;
    else {
      this.#heard.heard(cause, heardAt);
      changes.set(cause, this.#openAt(now, cause, signal, before));
    }
  }

  #openAt(now: number, cause: string, signal: Signal, before: Finding | undefined): FindingChange {
    if (before === undefined) {
      this.#open.set(
        cause,
        opened(
          idOf(cause, (id) => this.find(id) !== undefined),
          signal,
          now,
        ),
      );
      this.#counts.opened++;
      return 'opened';
    }
    this.#closed.delete(cause);
    const { firstSeen, times } = before;
    const again = {
      ...updated(before, signal),
      state: 'repeated',
      firstSeen,
      openedAt: now,
      times: times + 1,
    } as const;
    this.#open.set(cause, { ...again, closedAt: undefined });
    this.#counts.repeated++;
    return 'repeated';
  }

  /** Makes it at the cost of the least severe one. */
  #hasRoomFor(severity: Severity): boolean {
    if (this.#open.size < this.#limits.openMax) return true;
    let weakest: Finding | undefined;
    for (const finding of this.#open.values())
      if (weakest === undefined || byUrgency(finding, weakest) > 0) weakest = finding;
    if (weakest === undefined || !isWorse(severity, weakest.worstSeverity)) return false;
    this.#forget(causeOf(weakest));
    this.#counts.evictedOpen++;
    return true;
  }

  #explain(): void {
    const byRule = new Map<string, Finding[]>();
    for (const finding of this.#open.values())
      (byRule.get(finding.rule) ?? put(byRule, finding.rule, [])).push(finding);
    for (const [cause, finding] of this.#open) {
      const explanations = this.#rules.get(finding.rule)?.finding?.explainedBy ?? [];
      const ids = explainedBy(finding, explanations, (rule) => byRule.get(rule) ?? []);
      const all = [...new Set([...finding.explainedBy, ...ids])].slice(0, EXPLANATIONS_MAX);
      if (all.length > finding.explainedBy.length) this.#open.set(cause, { ...finding, explainedBy: all });
    }
  }

  #closeDue(now: number, changes: Changes): void {
    for (const [cause, finding] of this.#open) {
      if (now - finding.lastSeen < this.#closeAfter(finding.rule)) continue;
      this.#close(finding, now);
      changes.set(cause, 'closed');
    }
  }

  #close(finding: Finding, now: number): Finding {
    this.#forget(causeOf(finding));
    const closed = { ...finding, state: 'closed', closedAt: now } as const;
    this.#addClosed(closed);
    this.#counts.closed++;
    return closed;
  }

  /** Of the open ones. */
  #forget(cause: string): void {
    this.#open.delete(cause);
    this.#heard.forget(cause);
  }

  #addClosed(finding: Finding): void {
    this.#closed.set(causeOf(finding), finding);
    for (const [oldest] of this.#closed) {
      if (this.#closed.size <= this.#limits.closedMax) break;
      this.#closed.delete(oldest);
      this.#counts.evictedClosed++;
    }
  }

  #replace(finding: Finding): Finding {
    const cause = causeOf(finding);
    (this.#open.has(cause) ? this.#open : this.#closed).set(cause, finding);
    return finding;
  }

  #closeAfter(rule: string): number {
    return this.#rules.get(rule)?.finding?.closeAfter ?? 0;
  }
}

/** One finding names at most so many that explain it. */
const EXPLANATIONS_MAX = 10;

function put<Value>(map: Map<string, Value>, key: string, value: Value): Value {
  map.set(key, value);
  return value;
}

function byUrgency(left: Finding, right: Finding): number {
  const isClosed = ({ state }: Finding) => (state === 'closed' ? 1 : 0);
  return (
    isClosed(left) - isClosed(right) ||
    bySeverity(left.worstSeverity, right.worstSeverity) ||
    right.lastSeen - left.lastSeen
  );
}
