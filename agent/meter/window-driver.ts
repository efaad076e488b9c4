/**
 * The windows of one observation point, from their opening to their hand-over: which are due, how far they have come, what they
 * lost, and which gaps they have.
 */
import type { Window } from '../flow/window.ts';
import type { PersistedFiles } from '../model/closed-window.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { Gap } from '../model/ledger.ts';
import type { LiveFigures } from '../model/live-figures.ts';
import type { Clocks } from './clock-watch.ts';
import type { DropWatch } from './drop-watch.ts';
import { NO_DROPS } from './drops.ts';
import type { Gaps } from './gaps.ts';
import { Meter, type MeterOptions } from './meter.ts';
import { GRACE_SECONDS } from './rotation.ts';
import type { TapEvent } from './tap-event.ts';
import { TapFigures } from './tap-figures.ts';
import type { Watermark } from './watermark.ts';
import { WindowCoverage } from './window-coverage.ts';
import type { WindowJournal } from './window-journal.ts';

export interface WindowDriverOptions {
  readonly point: ObservationPoint;
  readonly meter: Omit<MeterOptions, 'onClosed' | 'onOpened' | 'windowSeconds'>;
  readonly journal: WindowJournal | undefined;
  readonly gaps: Gaps;
  readonly drops: DropWatch;
  readonly watermark: Watermark;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly clocks: () => Clocks;
  readonly onFigures: ((figures: LiveFigures) => void) | undefined;
  readonly onClosed: (window: Window, files: PersistedFiles | undefined) => void;
  readonly onEvent: (event: TapEvent) => void;
}

export class WindowDriver {
  readonly meter: Meter;
  readonly coverage: WindowCoverage;
  readonly #options: WindowDriverOptions;
  readonly #figures: TapFigures;

  constructor(options: WindowDriverOptions) {
    this.#options = options;
    this.meter = new Meter({
      ...options.meter,
      onOpened: (window) => this.#opened(window),
      windowSeconds: options.point.flowLog.windowSeconds,
      onClosed: (window) => this.#closed(window),
    });
    this.#figures = new TapFigures(options.onFigures, options.now);
    this.coverage = new WindowCoverage({
      ...options,
      meter: this.meter,
      absentSince: () => options.journal?.absentSince,
    });
  }

  /** Capture begins, or the wait for it. */
  begin(): void {
    const seconds = this.#seconds();
    this.coverage.begin(seconds);
    this.#options.watermark.beginDrain(seconds);
    this.#note(true);
  }

  /**
   * Closes the windows that end at or before `seconds`, and opens the present one. When packets are still pending (`drained` is
   * false) only windows older than the one that the last packet fell into are known to be complete.
   */
  closeBefore(seconds: number, drained: boolean): void {
    this.coverage.lookAtClocks();
    const { drops, journal, watermark } = this.#options;
    const now = Math.min(this.#seconds(), watermark.stoppedAt);
    // Who asks may not know yet that the clock was set back.
    const due = Math.min(seconds, now - GRACE_SECONDS);
    if (drained) {
      this.coverage.cover(now);
      this.#enterDrops();
      this.meter.closeBefore(due);
      this.coverage.closeStrays(now);
      this.meter.open(now);
    } else {
      this.meter.closeBefore(Math.min(due, this.meter.currentWindow?.start ?? due));
    }
    this.#note(drained);
    const { windows, currentWindow } = this.meter;
    this.#figures.emit(windows, currentWindow, drops.pending, journal?.memoryOnlyTables ?? 0);
  }

  /** A closed window is durable elsewhere. */
  released(window: Window): void {
    this.#figures.released();
    window.release();
    this.#options.journal?.released(window);
  }

  /** Closes all windows, with what is pending in their ledgers. */
  closeAll(): void {
    this.#enterDrops();
    this.meter.closeAll();
  }

  /** No further window comes. @param untilSeconds what arrived before was read */
  end(untilSeconds: number): void {
    const { journal, watermark } = this.#options;
    if (watermark.observedUntil > 0) journal?.observedUntil(untilSeconds);
    journal?.close();
  }

  #seconds(): number {
    return this.#options.now() / 1000;
  }

  #opened(window: Window): void {
    this.#options.journal?.opened(window);
    this.coverage.windowOpened(window);
  }

  #closed(window: Window): void {
    const { drops, gaps, journal, onClosed, watermark } = this.#options;
    drops.enter(window.start, window.ledger);
    window.ledger.gaps.push(...this.#gapsOf(window));
    gaps.forgetUpTo(Math.min(this.#endOf(window), this.meter.firstStart, this.coverage.coveredBefore));
    this.#figures.closed(window.ledger);
    const progress = { ...NO_DROPS, untilSeconds: watermark.observedUntil, isClosed: true };
    onClosed(window, journal?.handOver(window, progress));
  }

  /** Writes down how far this point has come, for whoever starts after a kill. */
  #note(drained: boolean): void {
    const { drops, journal, watermark } = this.#options;
    if (journal === undefined) return;
    this.coverage.resume();
    const untilSeconds = watermark.reached(drained, this.meter.currentWindow?.start);
    for (const window of this.meter.windows) {
      const pending = drops.pendingOf(window.start);
      journal.note(window, this.#gapsOf(window), { ...pending, untilSeconds, isClosed: false });
    }
    // Only now: a gap that begins here must not hide what the ledgers do not have yet.
    journal.observedUntil(untilSeconds);
    watermark.noted(untilSeconds);
  }

  /** A window in which nothing but drops came is opened for them. */
  #enterDrops(): void {
    const { drops } = this.#options;
    for (const start of drops.pendingStarts) drops.enter(start, this.meter.windowAt(start).ledger);
  }

  #gapsOf(window: Window): readonly Gap[] {
    return this.#options.gaps.within(window.start, this.#endOf(window), this.#seconds());
  }

  #endOf({ start }: Window): number {
    return start + this.#options.point.flowLog.windowSeconds;
  }
}
