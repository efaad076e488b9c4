/** What the spool may take of the disk, which batches go when that is not enough, and what is said of it. */
import type { DiskUse } from './disk-use.ts';
import type { SpoolIndex } from './spool-index.ts';
import { isPiece, parseSpoolName } from './spool-name.ts';

/** Batches that went because the spool was over a limit. */
export interface EvictedTotals {
  batches: number;
  /** Of those batches that could still be read. */
  records: number;
  packets: number;
  bytes: number;
}

export function createEvicted(): EvictedTotals {
  return { batches: 0, records: 0, packets: 0, bytes: 0 };
}

export function addEvicted(into: EvictedTotals, from: Readonly<EvictedTotals>): void {
  into.batches += from.batches;
  into.records += from.records;
  into.packets += from.packets;
  into.bytes += from.bytes;
}

export type EvictionReason = 'bytes' | 'age';

/** An episode is over when the backlog is this far under its limit again. */
const RELIEVED_SHARE = 0.9;

export interface EvictionEvents {
  /** Once an episode: the spool is over its limit and the oldest batches go. */
  onEvicting(reason: EvictionReason): void;
  /** The episode is over. */
  onEvicted(totals: Readonly<EvictedTotals>): void;
}

/** Reports the start and the end of each episode of eviction, not each file: thousands may go in one. */
export class EvictionAlarm {
  readonly #events: EvictionEvents;
  #episode: EvictedTotals | undefined;

  constructor(events: EvictionEvents) {
    this.#events = events;
  }

  raise(reason: EvictionReason, batch: Readonly<EvictedTotals>): void {
    if (this.#episode === undefined) {
      this.#episode = createEvicted();
      this.#events.onEvicting(reason);
    }
    addEvicted(this.#episode, batch);
  }

  /** Called when nothing had to go. */
  clear(bytes: number, bytesMax: number): void {
    if (this.#episode === undefined || bytes > bytesMax * RELIEVED_SHARE) return;
    const totals = this.#episode;
    this.#episode = undefined;
    this.#events.onEvicted(totals);
  }
}

/** One sink's batches, as the limits see them. */
export interface BoundedQueue {
  readonly index: SpoolIndex;
  isInFlight(name: string): boolean;
}

export interface SpoolBounds {
  readonly bytesMax: number;
  /** What was written before this Unix second has to go. */
  readonly writtenSecondsMin: number;
}

/**
 * What is over the limits, oldest first: of each queue the names that have to go. One batch is one file, so it counts once and
 * goes for all that owe it; it stays while it is in flight to one of them.
 */
export function overdue<Queue extends BoundedQueue>(
  queues: readonly Queue[],
  use: DiskUse,
  { bytesMax, writtenSecondsMin }: SpoolBounds,
): { readonly reason: EvictionReason; readonly due: ReadonlyMap<Queue, string[]> } {
  const due = new Map<Queue, string[]>();
  let reason: EvictionReason = 'age';
  let overBytes = use.bytes - bytesMax;
  for (const { name, owing } of oldestFirst(queues)) {
    if (overBytes <= 0 && parseSpoolName(name)!.spooledSeconds >= writtenSecondsMin) break;
    if (owing.some((queue) => queue.isInFlight(name))) continue;
    if (overBytes > 0) reason = 'bytes';
    // Those of unknown size are older than what is left when this is reached, and that alone is over the limit.
    overBytes -= owing.map(({ index }) => index.bytesOf(name)).find((bytes) => bytes !== undefined) ?? 0;
    for (const queue of owing) {
      const names = due.get(queue) ?? [];
      names.push(name);
      due.set(queue, names);
    }
  }
  return { reason, due };
}

/** Every file once, with those that owe it. */
function* oldestFirst<Queue extends BoundedQueue>(
  queues: readonly Queue[],
): Generator<{ readonly name: string; readonly owing: readonly Queue[] }> {
  const heads = queues.map((queue) => {
    const names = queue.index.names()[Symbol.iterator]();
    return { queue, names, name: next(names) };
  });
  for (;;) {
    let oldest: string | undefined;
    for (const { name } of heads) if (name !== undefined && (oldest === undefined || name < oldest)) oldest = name;
    if (oldest === undefined) return;
    const found = heads.filter(({ name }) => name === oldest);
    // Pieces of one name are files of their own.
    const owing = isPiece(oldest) ? found.slice(0, 1) : found;
    yield { name: oldest, owing: owing.map(({ queue }) => queue) };
    for (const head of owing) head.name = next(head.names);
  }
}

function next(names: Iterator<string>): string | undefined {
  const { done, value } = names.next();
  return done ? undefined : value;
}
