/**
 * The spool: batches that are durable and not yet delivered, in one folder (spool-layout.ts). One batch is one file, linked into a
 * folder of each sink that owes it; what a sink does with its own is its queue's (sink-queue.ts). Here is what concerns all of
 * them: the lock, the order of reading, and the limits.
 *
 * Opening takes the folder and reads nothing; the index is read in bounded steps (`readSome`) while capture runs. First the
 * names: from then on the order and the next sequence number are known, so batches can be written and delivered. Then the sizes,
 * oldest first, beside the work of others. The limit holds for the sizes that are known; what it takes of others it measures.
 *
 * Limits: `bytesMax` on the disk, counted in blocks and each file once, over which the oldest go first, for all that owe them
 * (a window that is being written comes on top, and batches in flight stay); those of each queue; in memory one index entry for
 * each name.
 */
import { OperationalError } from '../model/operational-error.ts';
import type { Disk } from './disk.ts';
import { DiskUse } from './disk-use.ts';
import type { HeldLock } from './lock-file.ts';
import { removeQueue } from './remove-queue.ts';
import { createQueueCounters, type QueueCounters, SinkQueue } from './sink-queue.ts';
import {
  addEvicted,
  createEvicted,
  type EvictedTotals,
  EvictionAlarm,
  type EvictionEvents,
  overdue,
} from './spool-bounds.ts';
import { SpoolFolder } from './spool-folder.ts';
import { isSinkName, sinkFolder, sinksFolder } from './spool-layout.ts';
import { findBatches, takeOver } from './spool-recovery.ts';
import { asUnusable, SpoolWriter, type WrittenBatch } from './spool-writer.ts';

export const SPOOL_DEFAULTS = { bytesMax: 1024 ** 3, quarantineBytesMax: 64 * 1024 ** 2 } as const;

/** A step of a millisecond, or of some twenty from a disk that is cold. */
const SIZES_AT_ONCE = 256;

export interface SpoolEvents extends EvictionEvents {
  onQuarantined(name: string, reason: string, sink: string): void;
}

export interface SpoolOptions {
  readonly disk: Disk;
  readonly folder: string;
  /** Those of the configuration, in its order: the first takes over what a version without folders of sinks left. */
  readonly sinks: readonly string[];
  readonly bytesMax: number;
  /** Undefined: batches stay as long as there is room. With a limit, a clock that is set forward makes batches old. */
  readonly ageSecondsMax?: number | undefined;
  /** Of each sink. */
  readonly quarantineBytesMax: number;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Keeps other processes out of the folder. @throws OperationalError `instance.running`; else what the file system throws */
  readonly lock: (folder: string) => HeldLock;
  readonly events: SpoolEvents;
  /** Files whose sizes are learnt in one step. */
  readonly sizesAtOnce?: number;
}

export class Spool {
  readonly #options: SpoolOptions;
  #lock: HeldLock;
  readonly #folder: SpoolFolder;
  readonly #use = new DiskUse();
  readonly #queues = new Map<string, SinkQueue>();
  readonly #alarm: EvictionAlarm;
  readonly #evicted = createEvicted();
  #writer: SpoolWriter | undefined;
  #reading: Iterator<void> | undefined;
  #isListed = false;

  /** Takes the folder. @throws OperationalError `instance.running`, `spool.unusable` */
  static open(options: SpoolOptions): Spool {
    const { disk, folder, lock } = options;
    let held: HeldLock;
    try {
      disk.makeFolder(folder);
      held = lock(folder);
    } catch (error) {
      throw asUnusable(folder, error);
    }
    return new Spool(options, held);
  }

  private constructor(options: SpoolOptions, lock: HeldLock) {
    this.#options = options;
    this.#lock = lock;
    this.#folder = new SpoolFolder(options.disk, options.folder);
    this.#alarm = new EvictionAlarm(options.events);
    for (const sink of options.sinks) this.#queues.set(sink, this.#createQueue(sink, true));
    this.#reading = this.#readIndex();
  }

  /** Of a sink of the configuration. */
  queue(sink: string): SinkQueue {
    const queue = this.#queues.get(sink);
    if (queue === undefined) throw new RangeError(`the spool was opened without a sink '${sink}'`);
    return queue;
  }

  /** Of every sink: those of the configuration first, then those of which an earlier one left something. */
  get queues(): readonly SinkQueue[] {
    return [...this.#queues.values()];
  }

  /**
   * Reads on in what an earlier run left, one step; false when nothing is left to read.
   *
   * @throws OperationalError `spool.unusable`, before the names are known: the next call begins anew
   */
  readSome(): boolean {
    if (this.#reading === undefined) return false;
    try {
      if (this.#reading.next().done) this.#reading = undefined;
      return this.#reading !== undefined;
    } catch (error) {
      this.#reading = this.#readIndex();
      throw this.#folder.unusable(error);
    }
  }

  /** Whether the names of all batches are known: before that nothing is pending, and nothing may be written. */
  get isListed(): boolean {
    return this.#isListed;
  }

  /** Names of batches whose sizes are not known yet. */
  get unmeasured(): number {
    return this.queues.reduce((sum, { index }) => sum + index.unmeasured, 0);
  }

  /** The sequence number with which a writer starts, once the names are known. */
  get nextSequence(): number {
    return Math.max(...this.queues.map(({ sequenceMax }) => sequenceMax)) + 1;
  }

  /** Writes batches from this thread, for all sinks: all of them are durable, or none. @throws OperationalError `spool.unusable` */
  writeAll(batches: Iterable<Uint8Array>): readonly string[] {
    const { disk, folder, sinks, now } = this.#options;
    this.#writer ??= new SpoolWriter({ disk, folder, sinks, nextSequence: this.nextSequence, now });
    for (const batch of batches) this.#writer.stage(batch);
    const entries = this.#writer.commit();
    this.adopt(entries);
    return entries.map(({ name }) => name);
  }

  /** Takes what a writer has committed into the index, and then keeps the limits. */
  adopt(written: readonly WrittenBatch[]): void {
    for (const queue of this.queues) {
      const entries = written.filter(({ sinks }) => sinks.includes(queue.sink));
      if (entries.length > 0) queue.adopt(entries);
    }
    this.sweep();
  }

  /** Files that are pending, each once, and what they take of the disk. */
  backlog(): { readonly batches: number; readonly bytes: number } {
    const reports = this.queues.reduce((sum, queue) => sum + queue.reports.closed.length, 0);
    return { batches: this.#use.files + reports, bytes: this.#use.bytes };
  }

  /** Unix seconds at which the oldest batch was written; undefined when none is pending. */
  get oldestSeconds(): number | undefined {
    const seconds = this.queues.flatMap(({ oldestSeconds = [] }) => oldestSeconds);
    return seconds.length === 0 ? undefined : Math.min(...seconds);
  }

  get quarantinedFiles(): number {
    return this.queues.reduce((sum, queue) => sum + queue.quarantinedFiles, 0);
  }

  /** Files that only a newer flowlogd can deliver. */
  get newer(): number {
    return this.queues.reduce((sum, queue) => sum + queue.newer, 0);
  }

  /** Of all sinks together; what was evicted counts each file once. */
  get counters(): QueueCounters {
    const sum = createQueueCounters();
    for (const { counters } of this.#queues.values()) {
      sum.damaged += counters.damaged;
      sum.quarantined += counters.quarantined;
      sum.unaccounted += counters.unaccounted;
      sum.vanished += counters.vanished;
      sum.vanishedPackets += counters.vanishedPackets;
      sum.vanishedUnaccounted += counters.vanishedUnaccounted;
    }
    addEvicted(sum.evicted, this.#evicted);
    return sum;
  }

  /** Evicts what is over the limits, oldest first. Called when batches come in; with a limit of age also from time to time. */
  sweep(): void {
    const { bytesMax, ageSecondsMax, now } = this.#options;
    const { queues } = this;
    for (const queue of queues) queue.eviction.settle();
    const writtenSecondsMin = ageSecondsMax === undefined ? Number.NEGATIVE_INFINITY : now() / 1000 - ageSecondsMax;
    const { reason, due } = overdue(queues, this.#use, { bytesMax, writtenSecondsMin });
    for (const [queue, names] of due) queue.eviction.evict(names, reason);
    if (due.size === 0) this.#clearAlarm();
  }

  /**
   * Deletes what is pending and quarantined for a sink that the configuration does not name; answers how many batches that were.
   *
   * @throws OperationalError `usage.invalid`, `spool.unusable`; it can be called again then
   */
  async removeSink(sink: string): Promise<number> {
    const queue = this.#queues.get(sink);
    if (queue === undefined) throw new OperationalError('usage.invalid', `The spool has nothing of a sink ${sink}.`);
    if (queue.isConfigured) {
      throw new OperationalError('usage.invalid', `The sink ${sink} is in the configuration: take it out first.`);
    }
    const removed = await removeQueue(queue);
    this.#use.drop(queue.index);
    this.#queues.delete(sink);
    this.#clearAlarm();
    return removed;
  }

  /** Whether the folder is still the one that this process keeps others out of, with those of the sinks. */
  get isInPlace(): boolean {
    return this.#lock.isInPlace && (!this.#isListed || this.queues.every(({ isInPlace }) => isInPlace));
  }

  /**
   * Takes the folder anew, after it was deleted or replaced: what was pending and is not there has vanished, what is
   * there and was not is pending. Loss reports are in memory, and written again.
   *
   * @throws OperationalError `instance.running` where another process has it now, `spool.unusable`; it can be called again then
   */
  reclaim(): void {
    this.#folder.demand(() => {
      this.#retakeLock();
      for (const queue of this.#queues.values()) queue.remake();
      if (!this.#isListed) this.#reading = this.#readIndex();
      else for (const queue of this.#queues.values()) queue.deleted.reconcile();
    });
  }

  /** Batches that were deleted have vanished, also those that no exporter asks for now. */
  noticeDeleted(): void {
    if (this.#isListed) for (const queue of this.#queues.values()) queue.deleted.notice();
  }

  /** The folder is free for another process. */
  close(): void {
    this.#lock.release();
  }

  #retakeLock(): void {
    const { disk, folder, lock } = this.#options;
    if (this.#lock.isInPlace) return;
    disk.makeFolder(folder);
    const held = lock(folder);
    this.#lock.release();
    this.#lock = held;
  }

  #clearAlarm(): void {
    this.#alarm.clear(this.#use.bytes, this.#options.bytesMax);
  }

  #createQueue(sink: string, isConfigured: boolean): SinkQueue {
    const { disk, folder, quarantineBytesMax, events } = this.#options;
    return new SinkQueue({
      disk,
      sink,
      isConfigured,
      folder: sinkFolder(folder, sink),
      use: this.#use,
      quarantineBytesMax,
      onQuarantined: (name, reason) => events.onQuarantined(name, reason, sink),
      onEvicted: (reason, totals, isLast) => this.#onEvicted(reason, totals, isLast),
      onRemoved: () => this.#clearAlarm(),
    });
  }

  #onEvicted(reason: 'bytes' | 'age', totals: EvictedTotals, isLast: boolean): void {
    if (!isLast) return;
    addEvicted(this.#evicted, totals);
    this.#alarm.raise(reason, totals);
  }

  *#readIndex(): Generator<void, void> {
    this.#prepareQueues();
    yield;
    const [first] = this.#queues.values();
    if (first !== undefined && (yield* takeOver(this.#folder, first.folder))) first.prepare();
    const found = yield* findBatches(this.queues);
    // A killed process may have left changes that everybody sees and no disk holds yet.
    for (const queue of found.keys()) queue.folder.sync();
    for (const [queue, names] of found) queue.load(names);
    this.#isListed = true;
    this.sweep();
    yield* this.#measure();
  }

  /** Those of which an earlier configuration left something, too. */
  #prepareQueues(): void {
    const { disk, folder } = this.#options;
    disk.makeFolder(sinksFolder(folder));
    for (const queue of this.#queues.values()) queue.prepare();
    for (const sink of disk.list(sinksFolder(folder))) {
      if (this.#queues.has(sink) || !isSinkName(sink)) continue;
      const queue = this.#createQueue(sink, false);
      queue.prepare();
      this.#queues.set(sink, queue);
    }
    disk.syncFolder(sinksFolder(folder));
    this.#folder.sync();
  }

  *#measure(): Generator<void, void> {
    const { sizesAtOnce = SIZES_AT_ONCE } = this.#options;
    for (const queue of this.#queues.values()) {
      while (queue.index.unmeasured > 0) {
        yield;
        for (const name of queue.index.nextUnmeasured(sizesAtOnce)) {
          queue.folder.attempt(() => queue.measure(name));
        }
        this.sweep();
      }
    }
  }
}
