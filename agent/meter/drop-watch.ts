/**
 * What the capture of an observation point lost, by window. The counters of kernel, interface and engine say how many, never
 * when, so they are looked at often, and just after each border of a window. Where an interval between two looks holds a border
 * all the same (the process stood still), the number is in the window of the later look, and all windows that the interval
 * touches get it as a gap `drops-undated`: none of them says OK.
 */
import type { Ledger } from '../model/ledger.ts';
import { windowStart } from '../model/window-bounds.ts';
import type { Attachment } from './attachment.ts';
import { type Drops, NO_DROPS } from './drops.ts';
import type { Gaps } from './gaps.ts';

/** Within a window the counters are looked at at most this often. */
const LOOK_SECONDS = 0.1;

export class DropWatch {
  readonly #attachment: Attachment;
  readonly #gaps: Gaps;
  readonly #windowSeconds: number;
  #lookedAt = 0;
  #isUnknown = false;
  /** What no ledger has yet, by the start of its window. */
  readonly #pending = new Map<number, Drops>();

  constructor(attachment: Attachment, gaps: Gaps, windowSeconds: number) {
    this.#attachment = attachment;
    this.#gaps = gaps;
    this.#windowSeconds = windowSeconds;
  }

  /** A capture begins, with counters that are known. */
  begin(seconds: number): void {
    this.#lookedAt = seconds;
    this.#isUnknown = false;
  }

  /** Looks where it is time to. */
  lookWhenDue(seconds: number): void {
    if (
      Math.abs(seconds - this.#lookedAt) >= LOOK_SECONDS ||
      this.#startOf(seconds) !== this.#startOf(this.#lookedAt)
    ) {
      this.look(seconds);
    }
  }

  look(seconds: number): void {
    const from = this.#lookedAt;
    this.#lookedAt = seconds;
    const { droppedByKernel, droppedByInterface, isUnknown } = this.#attachment.takeDrops();
    this.#isUnknown ||= isUnknown;
    if (droppedByKernel === 0 && droppedByInterface === 0) return;
    const start = this.#startOf(seconds);
    const before = this.#pending.get(start) ?? NO_DROPS;
    this.#pending.set(start, add(before, { droppedByKernel, droppedByInterface }));
    if (from < start) this.#gaps.add({ fromSeconds: from, toSeconds: seconds, reason: 'drops-undated' });
  }

  /** Windows with drops that no ledger has, by their starts. */
  get pendingStarts(): readonly number[] {
    return [...this.#pending.keys()];
  }

  pendingOf(start: number): Drops {
    return this.#pending.get(start) ?? NO_DROPS;
  }

  get pending(): Drops {
    return [...this.#pending.values()].reduce(add, NO_DROPS);
  }

  /** Enters what is pending into the ledger of the window that starts there. */
  enter(start: number, ledger: Ledger): void {
    const { droppedByKernel, droppedByInterface } = this.pendingOf(start);
    this.#pending.delete(start);
    ledger.droppedByKernel += droppedByKernel;
    ledger.droppedByInterface += droppedByInterface;
    if (this.#isUnknown) ledger.dropsUnknown = true;
  }

  #startOf(seconds: number): number {
    return windowStart(seconds, this.#windowSeconds);
  }
}

function add(left: Drops, right: Drops): Drops {
  return {
    droppedByKernel: left.droppedByKernel + right.droppedByKernel,
    droppedByInterface: left.droppedByInterface + right.droppedByInterface,
  };
}
