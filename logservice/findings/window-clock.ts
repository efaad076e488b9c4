import type { EndedWindow } from '../../detect/window-observer.ts';

/**
 * When a window has ended, by the records that arrive, from several hosts and in windows of several lengths: as soon as records of a
 * later one come, or nothing more has come for a moment.
 *
 *     seen(10, 20)  seen(10, 20)  seen(20, 30) ──▶ 10 to 20 has ended
 *                                 quiet()      ──▶ 20 to 30 has ended; what still comes of it ends it again
 */
export class WindowClock {
  #open: EndedWindow | undefined;
  #ended = Number.NEGATIVE_INFINITY;

  /** End of the last window that has ended, Unix seconds; undefined before that. */
  get ended(): number | undefined {
    return Number.isFinite(this.#ended) ? this.#ended : undefined;
  }

  /** Before a record of that window is observed. Answers the window that had ended by then. */
  seen(start: number, end: number): EndedWindow | undefined {
    const open = this.#open;
    const isLater = open !== undefined && start >= open.end;
    const ended = isLater ? this.#close(open) : undefined;
    this.#open =
      open === undefined || isLater
        ? { start, end }
        : { start: Math.min(start, open.start), end: Math.max(end, open.end) };
    return ended;
  }

  quiet(): EndedWindow | undefined {
    return this.#open === undefined ? undefined : this.#close(this.#open);
  }

  /** Ends of windows never go back: records that come late belong to the time that has passed. */
  #close({ start, end }: EndedWindow): EndedWindow {
    this.#open = undefined;
    this.#ended = Math.max(this.#ended, end);
    return { start, end: this.#ended };
  }
}
