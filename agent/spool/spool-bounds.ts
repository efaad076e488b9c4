/** What the spool may take of the disk, and what it says when that is not enough. */

const BLOCK_BYTES = 4096;

/** What a file takes of the disk: whole blocks, so that many small files are bounded, too. */
export function diskBytes(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** Batches given up because the spool was over a bound. */
export interface DroppedTotals {
  batches: number;
  /** Of those batches that could still be read. */
  records: number;
  packets: number;
  bytes: number;
}

export type DropReason = 'bytes' | 'age';

/** An episode is over when the backlog is this far under its bound again. */
const RELIEVED_SHARE = 0.9;

export interface DropEvents {
  /** Once an episode: the spool is over its bound and the oldest batches go. */
  onDropping(reason: DropReason): void;
  /** The episode is over. */
  onDropped(totals: Readonly<DroppedTotals>): void;
}

/** Tells the start and the end of each episode of dropping, not each file: thousands may go in one. */
export class DropEpisodes {
  readonly #events: DropEvents;
  #episode: DroppedTotals | undefined;

  constructor(events: DropEvents) {
    this.#events = events;
  }

  dropped(reason: DropReason, batch: DroppedTotals): void {
    if (this.#episode === undefined) {
      this.#episode = { batches: 0, records: 0, packets: 0, bytes: 0 };
      this.#events.onDropping(reason);
    }
    addDropped(this.#episode, batch);
  }

  /** Called when nothing had to be dropped. */
  calm(bytes: number, bytesMax: number): void {
    if (this.#episode === undefined || bytes > bytesMax * RELIEVED_SHARE) return;
    const totals = this.#episode;
    this.#episode = undefined;
    this.#events.onDropped(totals);
  }
}

export function addDropped(into: DroppedTotals, from: DroppedTotals): void {
  into.batches += from.batches;
  into.records += from.records;
  into.packets += from.packets;
  into.bytes += from.bytes;
}
