/** What people ask of findings, and what they are answered, by the agent and by the log service alike. */
import { SEVERITIES, type Severity } from '../analyses/analysis.ts';
import type { EventLog, EventsAfter } from './event-log.ts';
import type { Finding, FindingCounts, FindingState } from './finding.ts';
import type { FindingsBook } from './findings-book.ts';
import type { LookedAt } from './looked-at.ts';

export interface BookAndEvents {
  readonly book: FindingsBook;
  readonly events: EventLog;
  /** Undefined where that is not counted yet. */
  readonly looked: () => LookedAt | undefined;
}

export interface AskedFindings {
  /** All of them where none is named. */
  readonly states: readonly FindingState[];
  readonly rule: string | undefined;
  /** At least. */
  readonly severity: Severity | undefined;
  /** Unix seconds; seen since then. */
  readonly since: number;
  readonly limit: number;
}

export interface FindingsAnswer {
  readonly findings: readonly Finding[];
  readonly truncated: boolean;
  /** Of the events: what happens from now on comes after it. */
  readonly cursor: number;
  /** End of the last window that was looked at, Unix seconds; null before the first. */
  readonly windowEnd: number | null;
  readonly counts: FindingCounts;
  readonly looked: LookedAt | null;
}

export function listFindings(
  { book, events, looked }: BookAndEvents,
  { states, rule, severity, since, limit }: AskedFindings,
  windowEnd: number | null,
): FindingsAnswer {
  const least = severity === undefined ? 0 : SEVERITIES.indexOf(severity);
  const all = book
    .list({ ...(states.length === 0 ? {} : { states }), ...(rule === undefined ? {} : { rule }) })
    .filter(({ worstSeverity, lastSeen }) => SEVERITIES.indexOf(worstSeverity) >= least && lastSeen >= since);
  const { cursor } = events;
  const { counts } = book;
  const truncated = all.length > limit;
  return { findings: all.slice(0, limit), truncated, cursor, windowEnd, counts, looked: looked() ?? null };
}

export interface Following {
  /** Undefined: from now on. */
  readonly after: number | undefined;
  readonly limit?: number;
  readonly waitMs: number;
  /** The asker went away. */
  readonly signal: AbortSignal;
}

/** What happened after a cursor, and what is open by then. */
export interface FollowedEvents extends EventsAfter {
  /** Of the log that the numbers are of: another one where it began anew. */
  readonly log: string;
  readonly open: Readonly<Record<Severity, number>>;
  readonly counts: FindingCounts;
  /** Of an earlier version without it, too. */
  readonly looked?: LookedAt | undefined;
}

/** Those who wait for something new; each holds a connection, so there is a limit. */
export class Followers {
  readonly #max: number;
  readonly #waiting = new Set<() => void>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Something is new, or nothing will be. */
  wake(): void {
    for (const resume of [...this.#waiting]) resume();
  }

  /** Waits until there is something after the cursor, the time is over, or the asker went away; undefined for one too many. */
  async follow(
    { book, events, looked }: BookAndEvents,
    { after, limit, waitMs, signal }: Following,
  ): Promise<FollowedEvents | undefined> {
    const cursor = after ?? events.cursor;
    const answer = () => ({
      ...events.after(cursor, limit),
      log: events.id,
      open: book.openBySeverity(),
      counts: book.counts,
      looked: looked(),
    });
    const first = answer();
    if (first.events.length > 0 || waitMs === 0 || signal.aborted) return first;
    if (this.#waiting.size >= this.#max) return undefined;
    await this.#somethingNew(waitMs, signal);
    return answer();
  }

  #somethingNew(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const resume = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', resume);
        this.#waiting.delete(resume);
        resolve();
      };
      const timer = setTimeout(resume, waitMs);
      signal.addEventListener('abort', resume, { once: true });
      this.#waiting.add(resume);
    });
  }
}
