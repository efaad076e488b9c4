/** What the log service finds in the records of its first topic, for those who ask: in memory, and durable before a change is answered. */
import type { Analysis } from '../../analyses/analysis.ts';
import {
  type AskedFindings,
  type FindingsAnswer,
  type FollowedEvents,
  Followers,
  type Following,
  listFindings,
} from '../../detect/asking.ts';
import { Detector } from '../../detect/detector.ts';
import type { Finding, FindingEvent, Suppression } from '../../detect/finding.ts';
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

export interface LookedFindings extends FindingsAnswer {
  /** Records since the start that were observed, claimed to be from the future, or were left out because too many came. */
  readonly looked: Detection['counts'];
}

export const FOLLOWERS_MAX = 32;

export class Findings {
  readonly #options: FindingsOptions;
  readonly #file: FindingsFile;
  readonly #found: Found;
  readonly #detection: Detection;
  readonly #followers = new Followers(FOLLOWERS_MAX);

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

  list(asked: AskedFindings): LookedFindings {
    const answer = listFindings(this.#found, asked, this.#detection.windowEnd ?? null);
    return { ...answer, looked: this.#detection.counts };
  }

  get(id: string): Finding | undefined {
    return this.#found.book.find(id);
  }

  /** Undefined for one too many. */
  follow(following: Following): Promise<FollowedEvents | undefined> {
    return this.#followers.follow(this.#found, following);
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
    this.#followers.wake();
    await this.#detection.stop();
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
