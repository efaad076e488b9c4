/** What the log service finds in the records of its first topic, for those who ask: in memory, and durable before a change is answered. */
import type { Analysis, Severity } from '../../analyses/analysis.ts';
import { SEVERITIES } from '../../analyses/analysis.ts';
import { Detector } from '../../detect/detector.ts';
import type { EventsAfter } from '../../detect/event-log.ts';
import type { Finding, FindingCounts, FindingEvent, FindingState, Suppression } from '../../detect/finding.ts';
import type { SuppressionRequest } from '../../detect/suppressions.ts';
import type { Store } from '../store/store.ts';
import { Detection } from './detection.ts';
import { eventLine } from './event-line.ts';
import { FindingsFile, type Found } from './findings-file.ts';
import { FreshRecords } from './fresh-records.ts';

export interface FindingsOptions {
  readonly folder: string;
  readonly store: Store;
  readonly topic: string;
  readonly rules: readonly Analysis[];
  readonly now: () => number;
  readonly log: (line: string) => void;
  /** Told of each event, for people; undefined where somebody else tells it. */
  readonly tell: ((line: string) => void) | undefined;
}

export interface FindingsFilter {
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
  /** End of the last window that was looked at, Unix seconds. */
  readonly windowEnd: number | null;
  readonly counts: FindingCounts;
  /** Records since the start that were observed, claimed to be from the future, or were left out because too many came. */
  readonly looked: Detection['counts'];
}

export interface Following {
  /** Undefined: from now on. */
  readonly after: number | undefined;
  readonly limit: number;
  readonly waitMs: number;
  /** The asker went away. */
  readonly signal: AbortSignal;
}

export interface FollowedEvents extends EventsAfter {
  readonly open: Readonly<Record<Severity, number>>;
  readonly counts: FindingCounts;
}

/** Who follow wait for events; each holds a connection. */
export const FOLLOWERS_MAX = 32;

export class Findings {
  readonly #options: FindingsOptions;
  readonly #file: FindingsFile;
  readonly #found: Found;
  readonly #detection: Detection;
  readonly #followers = new Set<() => void>();

  static async open(options: FindingsOptions): Promise<Findings> {
    return new Findings(options, new FreshRecords(await options.store.connect(), options.topic));
  }

  private constructor(options: FindingsOptions, fresh: FreshRecords) {
    const { folder, store, rules, now, log } = options;
    this.#options = options;
    this.#file = new FindingsFile(folder, log);
    this.#found = this.#file.read(rules);
    this.#detection = new Detection({
      found: this.#found,
      file: this.#file,
      detector: new Detector(rules),
      fresh,
      reading: (work) => store.gate.within(work),
      now,
      onEvents: (events) => this.#tell(events),
      log,
    });
    this.#detection.look();
  }

  /** After each commit. */
  look(): void {
    this.#detection.look();
  }

  list({ states, rule, severity, since, limit }: FindingsFilter): FindingsAnswer {
    const least = severity === undefined ? 0 : SEVERITIES.indexOf(severity);
    const all = this.#found.book
      .list({ ...(states.length === 0 ? {} : { states }), ...(rule === undefined ? {} : { rule }) })
      .filter(({ worstSeverity }) => SEVERITIES.indexOf(worstSeverity) >= least)
      .filter(({ lastSeen }) => lastSeen >= since);
    return {
      findings: all.slice(0, limit),
      truncated: all.length > limit,
      cursor: this.#found.events.cursor,
      windowEnd: this.#detection.windowEnd ?? null,
      counts: this.#found.book.counts,
      looked: this.#detection.counts,
    };
  }

  get(id: string): Finding | undefined {
    return this.#found.book.find(id);
  }

  /** Waits until there is something after the cursor, the time is over, or the asker went away; undefined for one too many. */
  async follow({ after, limit, waitMs, signal }: Following): Promise<FollowedEvents | undefined> {
    const { events, book } = this.#found;
    const cursor = after ?? events.cursor;
    const answer = () => ({ ...events.after(cursor, limit), open: book.openBySeverity(), counts: book.counts });
    const first = answer();
    if (first.events.length > 0 || waitMs === 0 || signal.aborted) return first;
    if (this.#followers.size >= FOLLOWERS_MAX) return undefined;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        this.#followers.delete(end);
        resolve();
      };
      const timer = setTimeout(end, waitMs);
      signal.addEventListener('abort', end, { once: true });
      this.#followers.add(end);
    });
    return answer();
  }

  get suppressions(): readonly Suppression[] {
    return this.#found.book.suppressions;
  }

  /** Undefined where there is none of that id. */
  async acknowledge(id: string, comment: string): Promise<Finding | undefined> {
    const finding = this.#found.book.acknowledge(id, comment, this.#nowSeconds);
    if (finding !== undefined) await this.#file.write(this.#found);
    return finding;
  }

  /** @throws Error with a sentence about what is wrong with it */
  async suppress(asked: SuppressionRequest): Promise<Suppression> {
    const made = this.#found.book.suppress(asked, this.#nowSeconds);
    await this.#file.write(this.#found);
    return made;
  }

  /** False where there is none of that id. */
  async release(id: string): Promise<boolean> {
    const released = this.#found.book.release(id);
    if (released) await this.#file.write(this.#found);
    return released;
  }

  async stop(): Promise<void> {
    for (const end of [...this.#followers]) end();
    await this.#detection.stop();
  }

  get #nowSeconds(): number {
    return Math.floor(this.#options.now() / 1000);
  }

  #tell(events: readonly FindingEvent[]): void {
    for (const end of [...this.#followers]) end();
    const { tell } = this.#options;
    if (tell !== undefined) for (const event of events) tell(eventLine(event));
  }
}
