import type { EndedWindow } from '../../detect/window-observer.ts';

/**
 * When a window has ended, by the records that arrive, from several hosts and in windows of several lengths: as soon as records of a
 * later one come, or nothing more has come for a moment, or it was open for long by the own clock. Times later than the own clock count
 * as now, so that a host whose clock is ahead ends nothing of others.
 *
 *     seen(10, 20)  seen(10, 20)  seen(20, 30) ──▶ 10 to 20 has ended
 *                                 quiet()      ──▶ 20 to 30 has ended; what still comes of it ends it again
 *
 * Whoever uploads chooses the times, and each end has all rules look: a later window ends another only where that brings the last end
 * forward, so that there is at most one for each second that passes; what comes later than that ends with the next, or when it is quiet.
 */
export class WindowClock {
  #open: (EndedWindow & { readonly since: number }) | undefined;
  #ended = Number.NEGATIVE_INFINITY;

  /** End of the last window that has ended, Unix seconds; undefined before that. */
  get ended(): number | undefined {
    return Number.isFinite(this.#ended) ? this.#ended : undefined;
  }

  /** Before a record of that window is observed. Answers the window that had ended by then. @param now by the own clock; all Unix seconds */
  seen(start: number, end: number, now: number): EndedWindow | undefined {
    const from = Math.min(Math.floor(start), now);
    const to = Math.min(Math.floor(end), now);
    const open = this.#open;
    const isOver = open !== undefined && (this.#isEndedBy(start, now) || now - open.since >= OPEN_SECONDS_MAX);
    const ended = isOver ? this.#close(open) : undefined;
    this.#open =
      open === undefined || isOver
        ? { start: from, end: to, since: now }
        : { start: Math.min(from, open.start), end: Math.max(to, open.end), since: Math.min(open.since, now) };
    return ended;
  }

  quiet(): EndedWindow | undefined {
    return this.#open === undefined ? undefined : this.#close(this.#open);
  }

  /** One whose start is still to come is not known to be later than what is open. */
  #isEndedBy(start: number, now: number): boolean {
    const { start: from, end } = this.#open!;
    return start <= now && start >= end && start > from && end > this.#ended;
  }

  /** Ends of windows never go back: records that come late belong to the time that has passed. */
  #close({ start, end }: EndedWindow): EndedWindow {
    this.#open = undefined;
    this.#ended = Math.max(this.#ended, end);
    return { start, end: this.#ended };
  }
}

/** Where records come without a pause, and those of no window are later than those of another. */
const OPEN_SECONDS_MAX = 15;
