/**
 * The spool: batches that are durable and not yet delivered. One folder, one file for each batch:
 *
 *     FOLDER/spool.lock                           held by the process that uses the spool (spool-lock.ts)
 *     FOLDER/000000000042-001700000060.flows      a batch that waits (spool-name.ts, spool-file.ts)
 *     FOLDER/000000000043-001700000061.flows.tmp  a batch on its way in
 *     FOLDER/000000000042.lost                    what had to be given up, on its way to the reader (loss-reports.ts)
 *     FOLDER/quarantine/...                       what cannot be delivered (quarantine.ts)
 *
 * Two hands work in it. The writer (spool-writer.ts) may run in another thread: it only adds files and tells their names.
 * This class, in the exporter's thread, holds the index of all others and alone renames and deletes them.
 *
 * What can be counted on, over a kill or a power cut at any moment (proven by a model test that crashes at each operation):
 * a batch that was committed is there, whole, until it is removed; a removed batch may come back after a power cut (the
 * same batch, with the same identity: the reader drops it); a batch that was cut in pieces is there whole or in pieces,
 * never both; order is kept; and a batch that was given up is either there or in an account, never in both or neither.
 *
 * Opening takes the folder and reads nothing; the index is read in bounded steps (`readSome`) while capture runs. First the
 * names: from then on the order and the next sequence number are known, so batches can be written and delivered. Then the sizes,
 * oldest first, beside the work of others. The bound holds for the sizes that are known; what it takes of others it measures.
 *
 * Bounds: `bytesMax` on the disk, counted in blocks, over which the oldest go first (a window that is being written comes on
 * top, and batches on their way to the service stay); the quarantine's and the accounts' own; in memory one index entry for a file.
 */
import type { BatchStore } from '../model/batch-store.ts';
import { newer } from '../wire/protobuf-reader.ts';
import { type Disk, isFileSystemError, unlinkIfThere } from './disk.ts';
import { Eviction } from './eviction.ts';
import type { HeldLock } from './lock-file.ts';
import { LossReports, type LostBatch, readLostBatch } from './loss-reports.ts';
import { PartialSplits } from './partial-splits.ts';
import { Quarantine } from './quarantine.ts';
import { DropEpisodes, type DropEvents, type DroppedTotals, type DropReason } from './spool-bounds.ts';
import { FILE_BYTES_MAX, readSpoolFile } from './spool-file.ts';
import { SpoolFolder } from './spool-folder.ts';
import { SpoolIndex } from './spool-index.ts';
import { parseSpoolName } from './spool-name.ts';
import { findBatches } from './spool-recovery.ts';
import { asUnusable, type SpoolEntry, SpoolWriter } from './spool-writer.ts';

export const SPOOL_DEFAULTS = { bytesMax: 1024 ** 3, quarantineBytesMax: 64 * 1024 ** 2 } as const;

/** A step of a millisecond, or of some twenty from a disk that is cold. */
const SIZES_AT_ONCE = 256;

export interface SpoolEvents extends DropEvents {
  onQuarantined(name: string, reason: string): void;
}

export interface SpoolOptions {
  readonly disk: Disk;
  readonly folder: string;
  readonly bytesMax: number;
  /** Undefined: batches wait as long as there is room. With a bound, a clock that is set forward makes batches old. */
  readonly ageSecondsMax?: number | undefined;
  readonly quarantineBytesMax: number;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Keeps other processes out of the folder. @throws OperationalError `instance.running`; else what the file system throws */
  readonly lock: (folder: string) => HeldLock;
  readonly events: SpoolEvents;
  /** Files whose sizes are learnt in one step. */
  readonly sizesAtOnce?: number;
}

export interface SpoolCounters {
  /** Given up over a bound. */
  readonly dropped: DroppedTotals;
  /** Found damaged when they were read, and so in the quarantine. */
  damaged: number;
  /** Put into the quarantine for any reason. */
  quarantined: number;
  /** Nobody can say what was in them, so no account does; damaged accounts among them. */
  untold: number;
  /** Files that somebody else deleted, the packets of their records, and those files of which that is unknown. */
  vanished: number;
  vanishedPackets: number;
  vanishedUnaccounted: number;
}

export class Spool implements BatchStore {
  readonly #options: SpoolOptions;
  #lock: HeldLock;
  readonly #folder: SpoolFolder;
  readonly #index = new SpoolIndex();
  readonly #quarantine: Quarantine;
  readonly #episodes: DropEpisodes;
  readonly #reports: LossReports;
  readonly #splits: PartialSplits;
  readonly #eviction: Eviction;
  /** On their way to the service. */
  readonly #lent = new Set<string>();
  /** The folder holds the pieces of a batch, but its own removal is not surely on the disk. */
  #syncOwed = false;
  #writer: SpoolWriter | undefined;
  #reading: Iterator<void> | undefined;
  #isListed = false;
  readonly counters: SpoolCounters = {
    dropped: { batches: 0, records: 0, packets: 0, bytes: 0 },
    damaged: 0,
    quarantined: 0,
    untold: 0,
    vanished: 0,
    vanishedPackets: 0,
    vanishedUnaccounted: 0,
  };

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
    const { disk, folder, quarantineBytesMax, events } = options;
    this.#options = options;
    this.#lock = lock;
    this.#folder = new SpoolFolder(disk, folder);
    this.#episodes = new DropEpisodes(events);
    this.#reports = new LossReports(disk, folder);
    this.#splits = new PartialSplits(this.#folder);
    this.#eviction = new Eviction({
      folder: this.#folder,
      index: this.#index,
      reports: this.#reports,
      splits: this.#splits,
      episodes: this.#episodes,
      dropped: this.counters.dropped,
      readLost: (name) => this.#readLost(name),
      onDamaged: (name, reason) => this.#damaged(name, reason),
      onUnaccounted: () => this.counters.untold++,
    });
    this.#quarantine = new Quarantine(disk, `${folder}/quarantine`, quarantineBytesMax);
    this.#reading = this.#readIndex();
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

  /** Whether the names of all batches are known: before that nothing is pending, and nobody may write. */
  get isListed(): boolean {
    return this.#isListed;
  }

  /** Batches whose sizes are not known yet. */
  get unmeasured(): number {
    return this.#index.unmeasured;
  }

  /** The sequence number with which a writer starts, once the names are known. */
  get nextSequence(): number {
    return Math.max(this.#index.sequenceMax, this.#quarantine.sequenceMax, this.#reports.sequenceMax) + 1;
  }

  /** Writes batches from this thread: all of them are durable, or none. @throws OperationalError `spool.unusable` */
  writeAll(batches: Iterable<Uint8Array>): readonly string[] {
    const { disk, folder, now } = this.#options;
    this.#writer ??= new SpoolWriter({ disk, folder, nextSequence: this.nextSequence, now });
    for (const batch of batches) this.#writer.stage(batch);
    const entries = this.#writer.commit();
    this.adopt(entries);
    return entries.map(({ name }) => name);
  }

  /** Takes what a writer has committed into the index, and then keeps the bounds. */
  adopt(entries: readonly SpoolEntry[]): void {
    this.#index.insert(entries);
    this.sweep();
  }

  oldest(limit: number): readonly string[] {
    const names = this.#reports.closed.slice(0, limit);
    for (const name of this.#index.names()) {
      if (names.length >= limit) break;
      if (!this.#index.isHeld(name)) names.push(name);
    }
    return names;
  }

  backlog(): { readonly batches: number; readonly bytes: number } {
    return { batches: this.#reports.closed.length + this.#index.size, bytes: this.#index.bytes };
  }

  /** Unix seconds at which the oldest batch was written; undefined when none waits. */
  get oldestSeconds(): number | undefined {
    const { oldest } = this.#index;
    return oldest === undefined ? undefined : parseSpoolName(oldest)?.spooledSeconds;
  }

  get quarantinedFiles(): number {
    return this.#quarantine.files;
  }

  /** @throws OperationalError `spool.unusable` when the disk cannot be read now. */
  async read(name: string): Promise<Uint8Array | undefined> {
    if (!this.#index.has(name)) return this.#reports.read(name);
    this.#lent.add(name);
    const bytes = this.#bytesOf(name);
    if (bytes === undefined) return undefined;
    if (bytes > FILE_BYTES_MAX) return this.#damaged(name, `it has ${bytes} bytes, more than any batch`);
    let content: Uint8Array;
    try {
      if (this.#syncOwed) this.#folder.sync();
      this.#syncOwed = false;
      content = await this.#options.disk.read(this.#folder.file(name));
    } catch (error) {
      return this.#vanished(name, error);
    }
    const found = readSpoolFile(content);
    if (found.kind === 'newer') throw newer(`spool file of version ${found.version}`);
    return found.kind === 'whole' ? found.payload : this.#damaged(name, found.reason);
  }

  giveBack(name: string): void {
    this.#lent.delete(name);
  }

  hold(name: string): void {
    this.#index.hold(name);
  }

  /** Files that only a newer flowlogd can deliver, as far as they were looked at: kept on the disk, within the bounds. */
  get newer(): number {
    return this.#index.held + this.#reports.newer;
  }

  async remove(name: string): Promise<void> {
    if (LossReports.isReport(name)) return this.#folder.demand(() => this.#reports.remove(name));
    this.#folder.demand(() => {
      this.#splits.clear(name);
      unlinkIfThere(this.#options.disk, this.#folder.file(name));
    });
    this.#index.forget(name);
    this.#episodes.calm(this.#index.bytes, this.#options.bytesMax);
    // The service takes batches: now it can take what is said of those that went.
    this.#eviction.closeReports();
  }

  async quarantine(name: string, reason: string): Promise<void> {
    if (!LossReports.isReport(name)) return this.#setAside(name, reason);
    // A report of a report would be refused just so.
    this.#folder.demand(() => this.#reports.remove(name));
    this.counters.quarantined++;
    this.#options.events.onQuarantined(name, reason);
  }

  async replace(name: string, parts: readonly Uint8Array[]): Promise<void> {
    if (!this.#index.has(name)) return;
    const pieces = this.#splits.split(name, parts);
    this.#index.forget(name);
    this.#index.insert(pieces);
    // Once a piece is sent, the whole must not come back after a power cut, so `read` waits for this sync.
    this.#syncOwed = true;
    this.#folder.demand(() => this.#folder.sync());
    this.#syncOwed = false;
  }

  /** Gives up what is over the bounds, oldest first. Called when batches come in; with a bound of age also from time to time. */
  sweep(): void {
    const { bytesMax, now } = this.#options;
    this.#eviction.settle();
    const nowSeconds = now() / 1000;
    let overBytes = this.#index.bytes - bytesMax;
    const due: string[] = [];
    let reason: DropReason = 'age';
    for (const name of this.#index.names()) {
      if (overBytes <= 0 && !this.#isTooOld(name, nowSeconds)) break;
      if (this.#lent.has(name)) continue;
      if (overBytes > 0) reason = 'bytes';
      // Those of unknown size are older than what is left when this is reached, and that alone is over the bound.
      overBytes -= this.#index.bytesOf(name) ?? 0;
      due.push(name);
    }
    this.#eviction.evict(due, reason);
    if (due.length === 0) this.#episodes.calm(this.#index.bytes, bytesMax);
  }

  /** Whether the folder is still the one that this process keeps others out of. */
  get isInPlace(): boolean {
    return this.#lock.isInPlace;
  }

  /**
   * Takes the folder anew, after somebody deleted or replaced it: what was pending and is not there has vanished, what is
   * there and was not is pending. Loss reports are in memory, and written again.
   *
   * @throws OperationalError `instance.running` where another process has it now, `spool.unusable`; it can be called again then
   */
  reclaim(): void {
    const { disk, folder, lock } = this.#options;
    this.#folder.demand(() => {
      disk.makeFolder(folder);
      const held = lock(folder);
      this.#lock.release();
      this.#lock = held;
      this.#quarantine.read();
      this.#reports.rewrite();
      if (this.#isListed) this.#reconcile();
      else this.#reading = this.#readIndex();
    });
  }

  /** The folder is free for another process. */
  close(): void {
    this.#lock.release();
  }

  /**
   * Batches that somebody deleted have vanished, though nobody asks for them now. Looks at one file of hundreds of thousands:
   * the oldest; where it is gone, at all.
   */
  noticeDeleted(): void {
    if (!this.#isListed) return;
    for (const name of this.#index.names()) {
      if (this.#lent.has(name)) continue;
      if (this.#isGone(name)) this.#folder.attempt(() => this.#loseMissing());
      return;
    }
  }

  #isGone(name: string): boolean {
    try {
      this.#options.disk.size(this.#folder.file(name));
      return false;
    } catch (error) {
      return isFileSystemError(error) && error.code === 'ENOENT';
    }
  }

  /** Answers what is there and not pending. */
  #loseMissing(): Set<string> {
    const there = new Set<string>();
    for (const name of this.#options.disk.names(this.#options.folder)) {
      if (parseSpoolName(name) !== undefined) there.add(name);
    }
    for (const name of [...this.#index.names()]) {
      // What is on its way to the service may still arrive.
      if (!there.has(name) && !this.#lent.has(name)) this.#lose(name);
      there.delete(name);
    }
    return there;
  }

  #reconcile(): void {
    const found = [...this.#loseMissing()]
      .sort()
      .map((name) => ({ name, bytes: this.#options.disk.size(this.#folder.file(name)) }));
    if (found.length > 0) this.#index.insert(found);
  }

  /** Somebody else deleted it. */
  #lose(name: string): void {
    const packets = this.#index.packetsOf(name);
    if (!this.#index.forget(name)) return;
    this.counters.vanished++;
    if (packets === undefined) this.counters.vanishedUnaccounted++;
    else this.counters.vanishedPackets += packets;
  }

  *#readIndex(): Generator<void, void> {
    const { sizesAtOnce = SIZES_AT_ONCE } = this.#options;
    this.#quarantine.read();
    yield;
    const names = yield* findBatches(this.#folder, (name) => this.#recoverReport(name));
    const reported = [...this.#eviction.reported()];
    this.#eviction.settle();
    // A killed process may have left changes that everybody sees and no disk holds yet.
    this.#folder.sync();
    this.#index.load(names);
    for (const name of reported) this.#index.forget(name);
    this.#isListed = true;
    this.sweep();
    while (this.#index.unmeasured > 0) {
      yield;
      for (const name of this.#index.nextUnmeasured(sizesAtOnce)) this.#folder.attempt(() => this.#measure(name));
      this.sweep();
    }
  }

  /** Undefined when it is gone. @throws what the file system throws otherwise */
  #measure(name: string): number | undefined {
    try {
      this.#index.measure(name, this.#options.disk.size(this.#folder.file(name)));
      return this.#index.bytesOf(name);
    } catch (error) {
      if (!isFileSystemError(error) || error.code !== 'ENOENT') throw error;
      this.#lose(name);
      return undefined;
    }
  }

  /** Undefined when it is gone. @throws OperationalError `spool.unusable` when the disk cannot say now */
  #bytesOf(name: string): number | undefined {
    try {
      return this.#index.bytesOf(name) ?? this.#measure(name);
    } catch (error) {
      throw this.#folder.unusable(error);
    }
  }

  /** Gone because the bound was met while we waited, or because somebody cleans up behind our back. @throws any other error */
  #vanished(name: string, error: unknown): undefined {
    if (!isFileSystemError(error) || error.code !== 'ENOENT') throw this.#folder.unusable(error);
    this.#lose(name);
  }

  #damaged(name: string, reason: string): undefined {
    // A batch that was dropped while it was being read is no damage.
    if (!this.#index.has(name)) return undefined;
    this.#setAside(name, reason);
    this.counters.damaged++;
    return undefined;
  }

  #setAside(name: string, reason: string): void {
    this.#folder.demand(() => this.#splits.clear(name));
    const found = this.#readLost(name);
    const lost = found === 'newer' ? undefined : found;
    const bytes = this.#index.has(name) ? this.#bytesOf(name) : undefined;
    if (bytes === undefined) return;
    const told = lost === undefined ? `${reason}; how many packets were in it is unknown` : reason;
    const take = () => this.#quarantine.take(this.#folder.file(name), name, bytes, told);
    if (lost !== undefined && this.#eviction.report([lost])) this.#eviction.moveReported(name, take);
    else {
      this.#folder.demand(take);
      if (lost === undefined) this.counters.untold++;
      else this.#reports.addUnwritten([lost]);
      this.#index.forget(name);
    }
    this.counters.quarantined++;
    this.#options.events.onQuarantined(name, told);
  }

  /** Undefined where nobody can know what was in it, or it is gone. @throws OperationalError `spool.unusable` when nothing can be read now */
  #readLost(name: string): LostBatch | 'newer' | undefined {
    try {
      return readLostBatch(this.#options.disk, this.#folder.file(name), name);
    } catch (error) {
      return this.#vanished(name, error);
    }
  }

  #isTooOld(name: string, nowSeconds: number): boolean {
    const { ageSecondsMax } = this.#options;
    return ageSecondsMax !== undefined && nowSeconds - parseSpoolName(name)!.spooledSeconds > ageSecondsMax;
  }

  #recoverReport(name: string): void {
    const counted = this.#reports.recover(name);
    if (counted !== undefined) {
      this.#eviction.resume(counted);
      return;
    }
    const reason = 'it summed up batches that were given up, and is damaged: what it said is unknown';
    this.#options.disk.rename(this.#folder.file(name), `${this.#options.folder}/quarantine/${name}`);
    this.counters.damaged++;
    this.counters.quarantined++;
    this.counters.untold++;
    this.#options.events.onQuarantined(name, reason);
  }
}
