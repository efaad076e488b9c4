import type { Tap } from './tap.ts';

/**
 * How long the data plane sleeps when nothing comes. Where the control plane wakes it, that is as each second begins, and so with each
 * window (rotation.ts): what is dropped then is known to be of that window (drop-watch.ts). It wakes by itself a moment later where the other
 * thread stands still.
 */
const WOKEN_WAIT_MS = 1050;
/** The same where nobody can wake it; also the longest that it takes to notice a request. It wakes as each second begins by itself. */
const WAIT_MS = 500;
/** What may wait continues so long at most before the taps that have packets have their turn again. */
export const SLICE_MS = 50;

/** When the quiet taps have their turn, too: as each second begins, when windows become due, and after the longest sleep. */
export class Sweeps {
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #isWoken: boolean;
  /** Those of the present sweep that had no turn yet. */
  readonly #waiting = new Set<Tap>();
  #isUnderWay = false;
  #roundEndsAtMs = 0;
  #sweptAtMs: number;
  #second: number;
  #closeBefore = 0;

  constructor(now: () => number, elapsed: () => number, isWoken: boolean) {
    this.#now = now;
    this.#elapsed = elapsed;
    this.#isWoken = isWoken;
    this.#sweptAtMs = elapsed();
    this.#second = Math.floor(now() / 1000);
  }

  /** Until the next one, or the rest of the present one. */
  get nextMs(): number {
    if (this.#isUnderWay) return 0;
    const restMs = Math.max(1, Math.ceil(this.#sweptAtMs + this.#waitMs - this.#elapsed()));
    return this.#isWoken ? restMs : Math.min(restMs, 1000 - (this.#now() % 1000));
  }

  get #waitMs(): number {
    return this.#isWoken ? WOKEN_WAIT_MS : WAIT_MS;
  }

  /** One begins when the one before is over: else those who come last in it would never have a turn. */
  beginWhenDue(taps: readonly Tap[], closeBefore: number): void {
    this.#roundEndsAtMs = this.#elapsed() + SLICE_MS;
    if (this.#isUnderWay || !this.#isDue(closeBefore)) return;
    this.#isUnderWay = true;
    for (const tap of taps) this.#waiting.add(tap);
  }

  /** Whether a tap has its turn now: one with packets in every round. */
  hasTurn(tap: Tap): boolean {
    const isReady = tap.source !== undefined && tap.source.isReady !== false;
    const hasTurn = isReady || (this.#waiting.has(tap) && this.#elapsed() < this.#roundEndsAtMs);
    if (hasTurn) this.#waiting.delete(tap);
    return hasTurn;
  }

  /** Answers whether a sweep is over with this round. */
  endRound(): boolean {
    if (!this.#isUnderWay) return false;
    // With time left, only taps can wait that have ended meanwhile.
    if (this.#elapsed() < this.#roundEndsAtMs) this.#waiting.clear();
    this.#isUnderWay = this.#waiting.size > 0;
    return !this.#isUnderWay;
  }

  #isDue(closeBefore: number): boolean {
    const second = Math.floor(this.#now() / 1000);
    const isLong = this.#elapsed() >= this.#sweptAtMs + this.#waitMs;
    const isDue = isLong || second !== this.#second || closeBefore !== this.#closeBefore;
    if (isDue) this.#sweptAtMs = this.#elapsed();
    this.#second = second;
    this.#closeBefore = closeBefore;
    return isDue;
  }
}
