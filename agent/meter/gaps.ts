/**
 * The times without capture of one observation point, until the windows that they touch are closed. A gap that is not over
 * reaches to the present. Where the clock is set back the present comes before its beginning, so it is then cut in two: what
 * it was until the clock was set, and what it is from there on.
 */
import type { Gap, GapReason } from '../model/ledger.ts';

/** A gap that is not over; whoever began it ends it. */
export interface OpenGap {
  readonly reason: GapReason;
  fromSeconds: number;
  /** How long it was already when the clock was set back. */
  secondsBefore: number;
}

const NO_GAPS: readonly Gap[] = [];

export class Gaps {
  #over: Gap[] = [];
  readonly #open = new Set<OpenGap>();

  add(gap: Gap): void {
    this.#over.push(gap);
  }

  begin(reason: GapReason, fromSeconds: number): OpenGap {
    const gap: OpenGap = { reason, fromSeconds, secondsBefore: 0 };
    this.#open.add(gap);
    return gap;
  }

  /** Answers for how many seconds it was. */
  end(gap: OpenGap, toSeconds: number): number {
    const { reason, fromSeconds, secondsBefore } = gap;
    this.#open.delete(gap);
    this.#over.push({ fromSeconds, toSeconds, reason });
    return secondsBefore + toSeconds - fromSeconds;
  }

  /** Whether one that is over reaches to this second. */
  reachTo(seconds: number): boolean {
    return this.#over.some(({ toSeconds }) => toSeconds >= seconds);
  }

  /** The parts that lie between the two. */
  within(startSeconds: number, endSeconds: number, nowSeconds: number): readonly Gap[] {
    if (this.#over.length === 0 && this.#open.size === 0) return NO_GAPS;
    const open = Array.from(this.#open, ({ reason, fromSeconds }) => ({ reason, fromSeconds, toSeconds: nowSeconds }));
    const parts: Gap[] = [];
    for (const gap of [...this.#over, ...open]) {
      const fromSeconds = Math.max(gap.fromSeconds, startSeconds);
      const toSeconds = Math.min(gap.toSeconds, endSeconds);
      if (fromSeconds < toSeconds) parts.push({ fromSeconds, toSeconds, reason: gap.reason });
    }
    return parts;
  }

  /** Forgets what has ended by then: all its windows have it. */
  forgetUpTo(seconds: number): void {
    this.#over = this.#over.filter(({ toSeconds }) => toSeconds > seconds);
  }

  /** The clock is set back: what continues is cut in two. */
  cut(fromSeconds: number, toSeconds: number): void {
    for (const gap of [...this.#open]) {
      gap.secondsBefore = this.end(gap, fromSeconds);
      gap.fromSeconds = toSeconds;
      this.#open.add(gap);
    }
  }

  /** What was jumped over from here on is lived after all. */
  unjump(fromSeconds: number): void {
    this.#over = this.#over
      .map((gap) => (gap.reason === 'clock-jumped' ? { ...gap, toSeconds: Math.min(gap.toSeconds, fromSeconds) } : gap))
      .filter((gap) => gap.fromSeconds < gap.toSeconds);
  }
}
