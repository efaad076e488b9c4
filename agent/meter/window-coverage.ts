/**
 * Sees to it that each window of an observation point has its status, and each time without capture its gap: windows in which
 * no packet came, those that were slept or jumped over, and those during which nobody was there.
 */
import type { Window } from '../flow/window.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import { windowStart } from '../model/window-bounds.ts';
import { type ClockJump, type Clocks, ClockWatch } from './clock-watch.ts';
import type { Gaps } from './gaps.ts';
import type { Meter } from './meter.ts';
import { GRACE_SECONDS } from './rotation.ts';
import type { TapEvent } from './tap-event.ts';
import type { Watermark } from './watermark.ts';

export interface WindowCoverageOptions {
  readonly point: ObservationPoint;
  readonly meter: Meter;
  readonly gaps: Gaps;
  readonly watermark: Watermark;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly clocks: () => Clocks;
  /** Since when nobody observed the point, as far as it is known yet. */
  readonly absentSince: () => number | undefined;
  readonly onEvent: (event: TapEvent) => void;
}

/** A gap that passed unseen is written into each window that it touches; into its first and last where it touches more. */
const GAP_WINDOWS_MAX = 10;

export class WindowCoverage {
  readonly #options: WindowCoverageOptions;
  readonly #clockWatch: ClockWatch;
  /** When capture began, by a clock that knows the time: the end of what was missed before. */
  #attachedAt = 0;
  #hasResumed = false;
  /** Every window that starts before this has its status; of those from here on, some were opened by their packets. */
  #coveredBefore = Number.POSITIVE_INFINITY;
  readonly #opened = new Set<number>();
  /** By when all packets are in that came before the clock was set back, whose windows then close for good. */
  #strayUntil = Number.POSITIVE_INFINITY;

  constructor(options: WindowCoverageOptions) {
    this.#options = options;
    this.#clockWatch = new ClockWatch(options.clocks);
  }

  /** Every window that starts before has its status, or is open for it. */
  get coveredBefore(): number {
    return this.#coveredBefore;
  }

  /** Capture begins. */
  begin(seconds: number): void {
    this.#attachedAt = seconds;
    this.resume();
    this.#coveredBefore = this.#options.meter.open(seconds).start + this.#windowSeconds;
  }

  windowOpened({ start }: Window): void {
    if (start >= this.#coveredBefore) this.#opened.add(start);
  }

  lookAtClocks(): void {
    const jump = this.#clockWatch.look(this.#options.now());
    if (jump === undefined) return;
    if (jump.toSeconds < jump.fromSeconds) this.#setBack(jump);
    else this.#setForward(jump);
  }

  /**
   * The windows during which nobody was there get their gap, too: late, in a further revision, where the disk tells late, or where
   * the clock showed a time before that.
   */
  resume(): void {
    const { gaps, absentSince, onEvent } = this.#options;
    const seconds = this.#attachedAt;
    const since = absentSince();
    if (this.#hasResumed || since === undefined || since >= seconds) return;
    this.#hasResumed = true;
    gaps.add({ fromSeconds: since, toSeconds: seconds, reason: 'agent-not-running' });
    this.reopen(since, seconds);
    onEvent({ kind: 'resumed', gapSeconds: seconds - since });
  }

  /** Opens the windows of a gap that was not known in its time; of many the first. */
  reopen(fromSeconds: number, toSeconds: number): void {
    const windowSeconds = this.#windowSeconds;
    const first = windowStart(fromSeconds, windowSeconds);
    const isLong = (toSeconds - first) / windowSeconds > GAP_WINDOWS_MAX;
    for (let start = first; start < toSeconds; start += windowSeconds) {
      this.#options.meter.open(start);
      if (isLong) break;
    }
  }

  /** Opens the windows that nobody looked at since the last round, so that each has its status: the agent slept, or was stopped. */
  cover(seconds: number): void {
    const { meter, gaps } = this.#options;
    const windowSeconds = this.#windowSeconds;
    const present = windowStart(seconds, windowSeconds);
    const from = this.#coveredBefore;
    if (present < from) return;
    this.#coveredBefore = present + windowSeconds;
    const isLong = (present - from) / windowSeconds > GAP_WINDOWS_MAX;
    // Nobody opens thousands of windows, so what is between the first and the last must be in a gap.
    if (isLong && !gaps.reachTo(present)) {
      gaps.add({ fromSeconds: from, toSeconds: seconds, reason: 'suspended' });
    }
    for (let start = from; start < present; start += windowSeconds) {
      if (!this.#opened.has(start)) meter.open(start);
      if (isLong) start = Math.max(start, present - 2 * windowSeconds);
    }
    for (const start of this.#opened) if (start <= present) this.#opened.delete(start);
  }

  /** Packets that the ring still held when the clock was set back have opened windows of the time before once more. */
  closeStrays(seconds: number): void {
    if (seconds < this.#strayUntil) return;
    this.#options.meter.closeFrom(windowStart(seconds, this.#windowSeconds) + this.#windowSeconds);
    this.#strayUntil = Number.POSITIVE_INFINITY;
  }

  get #windowSeconds(): number {
    return this.#options.point.flowLog.windowSeconds;
  }

  #setForward({ fromSeconds, toSeconds, reason }: ClockJump): void {
    const { gaps, watermark, absentSince, onEvent } = this.#options;
    const since = absentSince() ?? toSeconds;
    // A machine that started without the time learns it now, and with it for how long nobody was there.
    const isResumed = !this.#hasResumed && since > fromSeconds && since < toSeconds;
    const untilSeconds = isResumed ? windowStart(since, this.#windowSeconds) : toSeconds;
    gaps.add({ fromSeconds, toSeconds: untilSeconds, reason });
    watermark.setForward(toSeconds);
    onEvent({ kind: 'jumped', reason, gapSeconds: toSeconds - fromSeconds });
    if (!isResumed) return;
    this.#attachedAt = toSeconds;
    this.resume();
  }

  /** The windows of the time that the clock left are over: when it comes to them again they continue as further revisions. */
  #setBack({ fromSeconds, toSeconds }: ClockJump): void {
    const { gaps, meter, watermark, onEvent } = this.#options;
    const next = windowStart(toSeconds, this.#windowSeconds) + this.#windowSeconds;
    gaps.cut(fromSeconds, toSeconds);
    meter.closeFrom(next);
    gaps.unjump(toSeconds);
    this.#coveredBefore = next;
    this.#opened.clear();
    watermark.setBack(toSeconds);
    this.#strayUntil = toSeconds + GRACE_SECONDS;
    onEvent({ kind: 'set-back', seconds: fromSeconds - toSeconds });
  }
}
