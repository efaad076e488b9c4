/** What this agent finds in its own windows, where it ships to a log service that does not look: in memory, and in a file of the state directory. */
import type { Analysis } from '../../analyses/analysis.ts';
import {
  type AskedFindings,
  type BookAndEvents,
  type FindingsAnswer,
  type FollowedEvents,
  Followers,
  type Following,
  listFindings,
} from '../../detect/asking.ts';
import type { Finding, Suppression } from '../../detect/finding.ts';
import type { LookedAt } from '../../detect/looked-at.ts';
import type { Signal } from '../../detect/signal.ts';
import type { SuppressionRequest } from '../../detect/suppressions.ts';
import type { FindingsFile, Found } from './findings-file.ts';

/** Those who follow hold a connection each. */
export const FOLLOWERS_MAX = 8;
const FOLLOW_MS = 20_000;

export interface EndedWindow {
  readonly windowEnd: number;
  readonly signals: readonly Signal[];
  /** Up to its end. */
  readonly looked?: LookedAt;
}

export class AgentFindings {
  readonly #file: FindingsFile;
  readonly #found: Found;
  readonly #nowSeconds: () => number;
  readonly #followers = new Followers(FOLLOWERS_MAX);
  /** The agent itself, which holds no connection and is always let wait: an answer at once would have it ask for ever. */
  readonly #own = new Followers(Number.POSITIVE_INFINITY);
  #windowEnd: number | null = null;
  #looked: LookedAt | undefined;

  constructor(file: FindingsFile, catalogue: readonly Analysis[], nowSeconds: () => number) {
    this.#file = file;
    this.#found = file.read(catalogue);
    this.#nowSeconds = nowSeconds;
  }

  /** At the end of a window. */
  take({ windowEnd, signals, looked }: EndedWindow): void {
    const { book, events } = this.#found;
    this.#windowEnd = windowEnd;
    this.#looked = looked;
    const happened = book.record(signals, this.#nowSeconds());
    const last = events.note(happened);
    if (signals.length === 0 && happened.length === 0) return;
    const written = this.#file.write(this.#found);
    if (happened.length === 0) return;
    void written.then(() => {
      events.show(last);
      this.#wake();
    });
  }

  list(asked: AskedFindings): FindingsAnswer {
    return listFindings(this.#lookedAt, asked, this.#windowEnd);
  }

  find(id: string): Finding | undefined {
    return this.#found.book.find(id);
  }

  /** Waits for the first event after the cursor, some seconds at most. @param cursor undefined: from now on */
  after(cursor: number | undefined, signal: AbortSignal): Promise<FollowedEvents> {
    return this.#own.follow(this.#lookedAt, { after: cursor, waitMs: FOLLOW_MS, signal }) as Promise<FollowedEvents>;
  }

  /** For those who ask: as long as they like; at once where too many follow. */
  async follow(following: Following): Promise<FollowedEvents> {
    const waited = await this.#followers.follow(this.#lookedAt, following);
    return waited ?? (await this.#followers.follow(this.#lookedAt, { ...following, waitMs: 0 }))!;
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
    this.#followers.wake();
    this.#own.wake();
  }

  get #lookedAt(): BookAndEvents {
    const { book, events } = this.#found;
    return { book, events, looked: () => this.#looked };
  }
}
