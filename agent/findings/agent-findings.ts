/** What this agent finds in its own windows, where it ships to a log service that does not look: in memory, and in a file of the state directory. */
import { type Analysis, SEVERITIES, type Severity } from '../../analyses/analysis.ts';
import type { EventsAfter } from '../../detect/event-log.ts';
import type { Finding, FindingCounts, FindingState, Suppression } from '../../detect/finding.ts';
import type { Signal } from '../../detect/signal.ts';
import type { SuppressionRequest } from '../../detect/suppressions.ts';
import type { FindingsFile, Found } from './findings-file.ts';

export interface AskedFindings {
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
  /** What happens from now on comes after it. */
  readonly cursor: number;
  /** Unix seconds; null before the first window. */
  readonly windowEnd: number | null;
  readonly counts: FindingCounts;
}

export interface FollowedEvents extends EventsAfter {
  readonly open: Readonly<Record<Severity, number>>;
  readonly counts: FindingCounts;
}

/** Those who follow hold a connection each. */
export const FOLLOWERS_MAX = 8;
const FOLLOW_MS = 20_000;

export class AgentFindings {
  readonly #file: FindingsFile;
  readonly #found: Found;
  readonly #nowSeconds: () => number;
  readonly #followers = new Set<() => void>();
  #windowEnd: number | null = null;

  constructor(file: FindingsFile, catalogue: readonly Analysis[], nowSeconds: () => number) {
    this.#file = file;
    this.#found = file.read(catalogue);
    this.#nowSeconds = nowSeconds;
  }

  /** At the end of a window. */
  take({ windowEnd, signals }: { readonly windowEnd: number; readonly signals: readonly Signal[] }): void {
    const { book, events } = this.#found;
    this.#windowEnd = windowEnd;
    const happened = book.record(signals, this.#nowSeconds());
    events.add(happened);
    if (signals.length > 0 || happened.length > 0) void this.#file.write(this.#found);
    if (happened.length > 0) this.#wake();
  }

  list({ states, rule, severity, since, limit }: AskedFindings): FindingsAnswer {
    const { book, events } = this.#found;
    const least = severity === undefined ? 0 : SEVERITIES.indexOf(severity);
    const all = book
      .list({ ...(states.length === 0 ? {} : { states }), ...(rule === undefined ? {} : { rule }) })
      .filter(({ worstSeverity, lastSeen }) => SEVERITIES.indexOf(worstSeverity) >= least && lastSeen >= since);
    return {
      findings: all.slice(0, limit),
      truncated: all.length > limit,
      cursor: events.cursor,
      windowEnd: this.#windowEnd,
      counts: book.counts,
    };
  }

  find(id: string): Finding | undefined {
    return this.#found.book.find(id);
  }

  /** Waits for the first event after the cursor, some seconds at most. @param cursor undefined: from now on */
  after(cursor: number | undefined, signal: AbortSignal): Promise<FollowedEvents> {
    return this.follow(cursor, FOLLOW_MS, signal);
  }

  /** The same, as long as the asker likes; at once where too many follow. */
  async follow(
    cursor: number | undefined,
    waitMs: number,
    signal: AbortSignal,
    limit?: number,
  ): Promise<FollowedEvents> {
    const { events } = this.#found;
    const from = cursor ?? events.cursor;
    if (events.after(from).events.length === 0 && waitMs > 0 && this.#followers.size < FOLLOWERS_MAX)
      await this.#somethingNew(waitMs, signal);
    const { book } = this.#found;
    return { ...events.after(from, limit), open: book.openBySeverity(), counts: book.counts };
  }

  get suppressions(): readonly Suppression[] {
    return this.#found.book.suppressions;
  }

  /** Undefined where there is none of that id. Answers when it is durable, if the disk takes it. */
  async acknowledge(id: string, comment: string): Promise<Finding | undefined> {
    const finding = this.#found.book.acknowledge(id, comment, this.#nowSeconds());
    if (finding !== undefined) await this.#file.write(this.#found);
    return finding;
  }

  /** @throws Error with a sentence about what is wrong with it */
  async suppress(request: SuppressionRequest): Promise<Suppression> {
    const suppression = this.#found.book.suppress(request, this.#nowSeconds());
    await this.#file.write(this.#found);
    return suppression;
  }

  /** Whether there was one of that id. */
  async release(id: string): Promise<boolean> {
    const isReleased = this.#found.book.release(id);
    if (isReleased) await this.#file.write(this.#found);
    return isReleased;
  }

  async stop(): Promise<void> {
    this.#wake();
    await this.#file.write(this.#found);
  }

  #wake(): void {
    for (const resume of [...this.#followers]) resume();
  }

  #somethingNew(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const resume = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', resume);
        this.#followers.delete(resume);
        resolve();
      };
      const timer = setTimeout(resume, waitMs);
      signal.addEventListener('abort', resume, { once: true });
      this.#followers.add(resume);
      if (signal.aborted) resume();
    });
  }
}
