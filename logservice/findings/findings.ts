/** What the log service finds in the records of its first topic, for those who ask: in memory, and durable before a change is answered. */
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
import { Detector } from '../../detect/detector.ts';
import type { Finding, FindingEvent, Suppression } from '../../detect/finding.ts';
import type { SuppressionRequest } from '../../detect/suppressions.ts';
import { StoreError } from '../model/store-error.ts';
import type { Store } from '../store/store.ts';
import { Detection } from './detection.ts';
import { eventLine } from './event-line.ts';
import { FindingsFile, type Found } from './findings-file.ts';
import { FreshRecords } from './fresh-records.ts';

export interface FindingsOptions {
  readonly folder: string;
  readonly store: Store;
  readonly topic: string;
  /** All that may run. */
  readonly catalogue: readonly Analysis[];
  /** Names of those that do; undefined for those that run by default. */
  readonly rules: readonly string[] | undefined;
  readonly now: () => number;
  readonly log: (line: string) => void;
  /** Told of each event, for people; undefined where somebody else tells it. */
  readonly tell: ((line: string) => void) | undefined;
}

export const FOLLOWERS_MAX = 32;

export class Findings {
  readonly #options: FindingsOptions;
  readonly #file: FindingsFile;
  readonly #found: Found;
  readonly #detection: Detection;
  readonly #followers = new Followers(FOLLOWERS_MAX);
  #isStopping = false;

  static async open(options: FindingsOptions): Promise<Findings> {
    return new Findings(options, new FreshRecords(await options.store.connect(), options.topic));
  }

  private constructor(options: FindingsOptions, fresh: FreshRecords) {
    const { folder, store, catalogue, rules, now, log } = options;
    this.#options = options;
    this.#file = new FindingsFile(folder, log);
    this.#found = this.#file.read(catalogue);
    this.#detection = new Detection({
      found: this.#found,
      file: this.#file,
      detector: new Detector(catalogue, rules === undefined ? {} : { rules }),
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

  list(asked: AskedFindings): FindingsAnswer {
    return listFindings(this.#lookedAt, asked, this.#detection.windowEnd ?? null);
  }

  get(id: string): Finding | undefined {
    return this.#found.book.find(id);
  }

  /** Undefined for one too many. */
  follow(following: Following): Promise<FollowedEvents | undefined> {
    return this.#followers.follow(this.#lookedAt, this.#isStopping ? { ...following, waitMs: 0 } : following);
  }

  /** Who waits is answered now, and nobody waits from now on. */
  endFollowing(): void {
    this.#isStopping = true;
    this.#followers.wake();
  }

  get suppressions(): readonly Suppression[] {
    return this.#found.book.suppressions;
  }

  /** Undefined where there is none of that id. @throws StoreError where it is not durable */
  async acknowledge(id: string, comment: string): Promise<Finding | undefined> {
    const finding = this.#found.book.acknowledge(id, comment, this.#nowSeconds);
    if (finding !== undefined) await this.#persist();
    return finding;
  }

  /** @throws InvalidSuppression, and StoreError where it is not durable */
  async suppress(asked: SuppressionRequest): Promise<Suppression> {
    const made = this.#found.book.suppress(asked, this.#nowSeconds);
    await this.#persist();
    return made;
  }

  /** False where there is none of that id. @throws StoreError where it is not durable */
  async release(id: string): Promise<boolean> {
    const released = this.#found.book.release(id);
    if (released) await this.#persist();
    return released;
  }

  async stop(): Promise<void> {
    this.endFollowing();
    await this.#detection.stop();
  }

  /** @throws StoreError */
  async #persist(): Promise<void> {
    try {
      await this.#file.write(this.#found);
    } catch (error) {
      const why = (error as Error).message;
      throw new StoreError(
        'failed',
        `It applies until the log service ends, and is not persisted: writing ${this.#file.path} failed: ${why}. ` +
          'Make room on its disk; the log service tries again by itself.',
        error,
      );
    }
  }

  get #lookedAt(): BookAndEvents {
    const { book, events } = this.#found;
    return { book, events, looked: () => this.#detection.counts };
  }

  get #nowSeconds(): number {
    return Math.floor(this.#options.now() / 1000);
  }

  #tell(events: readonly FindingEvent[]): void {
    this.#followers.wake();
    const { tell } = this.#options;
    if (tell !== undefined) for (const event of events) tell(eventLine(event));
  }
}
