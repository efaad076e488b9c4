/**
 * The batches that one sink owes: a folder, an index of it, and what the sink decides of each. It alone renames and unlinks in that
 * folder; the writer (spool-writer.ts), in another thread, only adds names. So what a sink acknowledges, cuts, refuses or loses
 * concerns no other: the file of a batch goes with its last name.
 *
 * What can be counted on, for each sink, over a kill or a power cut at any moment (proven by a model test that crashes at each
 * operation): a batch that was committed is there, whole, until it is removed; a removed batch may come back after a power cut
 * (the same batch, with the same identity: the reader drops it); a batch that was cut in pieces is there whole or in pieces,
 * never both; order is kept; and a batch that was evicted is either there or in a loss report, never in both or neither.
 *
 * Limits: the quarantine's and the loss reports' own; of what is pending the spool's (spool.ts).
 */
import type { BatchStore } from '../model/batch-store.ts';
import { withoutLedger } from '../wire/flow-batch-reader.ts';
import { newer } from '../wire/protobuf-reader.ts';
import { DeletedBatches, type VanishedTotals } from './deleted-batches.ts';
import { type Disk, isFileSystemError, isThere, unlinkIfThere } from './disk.ts';
import type { DiskUse } from './disk-use.ts';
import { Eviction } from './eviction.ts';
import { LossReports, type LostBatch, readLostBatch } from './loss-reports.ts';
import { PartialSplits } from './partial-splits.ts';
import { Quarantine } from './quarantine.ts';
import { addEvicted, createEvicted, type EvictedTotals, type EvictionReason } from './spool-bounds.ts';
import { FILE_BYTES_MAX, readSpoolFile, SPOOL_HEADER_BYTES, spoolFile } from './spool-file.ts';
import { SpoolFolder } from './spool-folder.ts';
import { SpoolIndex } from './spool-index.ts';
import { quarantineFolder } from './spool-layout.ts';
import { parseSpoolName, restoredName } from './spool-name.ts';
import type { SpoolEntry } from './spool-writer.ts';

export interface QueueCounters extends VanishedTotals {
  /** Over a limit. */
  readonly evicted: EvictedTotals;
  /** Found damaged when they were read, and so in the quarantine. */
  damaged: number;
  /** Put into the quarantine for any reason. */
  quarantined: number;
  /** What was in them is unknown, so no loss report has it; damaged loss reports among them. */
  unaccounted: number;
}

export function createQueueCounters(): QueueCounters {
  return {
    evicted: createEvicted(),
    damaged: 0,
    quarantined: 0,
    unaccounted: 0,
    vanished: 0,
    vanishedPackets: 0,
    vanishedUnaccounted: 0,
  };
}

export interface SinkQueueOptions {
  readonly disk: Disk;
  readonly sink: string;
  /** Whether the configuration names it; else batches of an earlier one are pending. */
  readonly isConfigured: boolean;
  /** The sink's own. */
  readonly folder: string;
  readonly use: DiskUse;
  readonly quarantineBytesMax: number;
  readonly onQuarantined: (name: string, reason: string) => void;
  /** `isLast`: no other sink owes it, so its file is gone. */
  readonly onEvicted: (reason: EvictionReason, totals: EvictedTotals, isLast: boolean) => void;
  /** There is more room than before. */
  readonly onRemoved: () => void;
}

export class SinkQueue implements BatchStore {
  readonly #options: SinkQueueOptions;
  readonly folder: SpoolFolder;
  readonly index: SpoolIndex;
  readonly reports: LossReports;
  readonly eviction: Eviction;
  readonly deleted: DeletedBatches;
  readonly counters: QueueCounters = createQueueCounters();
  readonly #quarantine: Quarantine;
  readonly #splits: PartialSplits;
  readonly #inFlight = new Set<string>();
  /** The folder holds the pieces of a batch, but its own removal is not surely on the disk. */
  #syncOwed = false;

  constructor(options: SinkQueueOptions) {
    const { disk, folder, use, quarantineBytesMax } = options;
    this.#options = options;
    this.folder = new SpoolFolder(disk, folder);
    this.index = new SpoolIndex(use);
    this.reports = new LossReports(disk, folder);
    this.#splits = new PartialSplits(this.folder);
    this.#quarantine = new Quarantine(disk, quarantineFolder(folder), quarantineBytesMax);
    this.deleted = new DeletedBatches(this.folder, this.index, this.counters, (name) => this.#inFlight.has(name));
    this.eviction = new Eviction({
      folder: this.folder,
      reports: this.reports,
      splits: this.#splits,
      readLost: (name) => this.#readLost(name),
      onDamaged: (name, reason) => this.#damaged(name, reason),
      onUnaccounted: () => this.counters.unaccounted++,
      onReported: (name) => this.index.forget(name),
      onEvicted: (name, reason, totals) => this.#evicted(name, reason, totals),
    });
  }

  get sink(): string {
    return this.#options.sink;
  }

  get isConfigured(): boolean {
    return this.#options.isConfigured;
  }

  /** The highest sequence number that is taken here, or -1. */
  get sequenceMax(): number {
    return Math.max(this.index.sequenceMax, this.#quarantine.sequenceMax, this.reports.sequenceMax);
  }

  /** Unix seconds at which the oldest batch was written; undefined when none is pending. */
  get oldestSeconds(): number | undefined {
    const { oldest } = this.index;
    return oldest === undefined ? undefined : parseSpoolName(oldest)?.spooledSeconds;
  }

  get quarantinedFiles(): number {
    return this.#quarantine.files;
  }

  /** Files that only a newer flowlogd can deliver, as far as they were looked at: kept on the disk, within the limits. */
  get newer(): number {
    return this.index.held + this.reports.newer;
  }

  oldest(limit: number): readonly string[] {
    const names = this.reports.closed.slice(0, limit);
    for (const name of this.index.names()) {
      if (names.length >= limit) break;
      if (!this.index.isHeld(name)) names.push(name);
    }
    return names;
  }

  backlog(): { readonly batches: number; readonly bytes: number } {
    return { batches: this.reports.closed.length + this.index.size, bytes: this.index.bytes };
  }

  isInFlight(name: string): boolean {
    return this.#inFlight.has(name);
  }

  /** Makes the folders, and takes up the quarantine. @throws what the file system throws; it can be called again then */
  prepare(): void {
    const { disk, folder } = this.#options;
    disk.makeFolder(folder);
    this.#quarantine.read();
  }

  /** Begins with what an earlier run left, oldest first. */
  load(names: readonly string[]): void {
    const reported = [...this.eviction.reported()];
    this.eviction.settle();
    this.index.load(names);
    for (const name of reported) this.index.forget(name);
  }

  /** Whether its folder is there. */
  get isInPlace(): boolean {
    return isThere(this.folder.disk, this.folder.path);
  }

  /** Makes its folders again, with the loss reports. @throws what the file system throws */
  remake(): void {
    this.prepare();
    this.reports.rewrite();
  }

  adopt(entries: readonly SpoolEntry[]): void {
    this.index.insert(entries);
  }

  /** @throws OperationalError `spool.unusable` when the disk cannot be read now. */
  async read(name: string): Promise<Uint8Array | undefined> {
    if (!this.index.has(name)) return this.reports.read(name);
    this.#inFlight.add(name);
    const bytes = this.#bytesOf(name);
    if (bytes === undefined) return undefined;
    if (bytes > FILE_BYTES_MAX) return this.#damaged(name, `it has ${bytes} bytes, more than any batch`);
    let content: Uint8Array;
    try {
      if (this.#syncOwed) this.folder.sync();
      this.#syncOwed = false;
      content = await this.folder.disk.read(this.folder.file(name));
    } catch (error) {
      return this.#vanished(name, error);
    }
    const found = readSpoolFile(content);
    if (found.kind === 'newer') throw newer(`spool file of version ${found.version}`);
    return found.kind === 'whole' ? found.payload : this.#damaged(name, found.reason);
  }

  release(name: string): void {
    this.#inFlight.delete(name);
  }

  hold(name: string): void {
    this.index.hold(name);
  }

  async remove(name: string): Promise<void> {
    if (LossReports.isReport(name)) return this.folder.demand(() => this.reports.remove(name));
    this.folder.demand(() => {
      this.#splits.clear(name);
      unlinkIfThere(this.folder.disk, this.folder.file(name));
    });
    this.index.forget(name);
    this.#options.onRemoved();
    // The sink takes batches: now it can take the report of those that went.
    this.eviction.closeReports();
  }

  async quarantine(name: string, reason: string): Promise<void> {
    if (!LossReports.isReport(name)) return this.#moveToQuarantine(name, reason);
    // A report of a report would be refused just so.
    this.folder.demand(() => this.reports.remove(name));
    this.counters.quarantined++;
    this.#options.onQuarantined(name, reason);
  }

  /** Oldest first. */
  get quarantinedNames(): readonly string[] {
    return this.#quarantine.names();
  }

  /**
   * Makes a quarantined batch pending again, as a piece of what it was and without its ledger: a loss report has that already.
   *
   * @returns why it stays; undefined when it is pending
   * @throws OperationalError `spool.unusable`; it is quarantined then
   */
  restore(name: string): string | undefined {
    let refusal: string | undefined;
    this.folder.demand(() => {
      const found = readSpoolFile(this.#quarantine.content(name));
      if (found.kind !== 'whole') {
        refusal = found.kind === 'newer' ? 'a newer flowlogd wrote it' : `it is corrupt: ${found.reason}`;
        return;
      }
      const batch = withoutLedger(found.payload);
      const piece = restoredName(name);
      this.#quarantine.leave(name, spoolFile(batch), this.folder.file(piece));
      this.index.insert([{ name: piece, bytes: SPOOL_HEADER_BYTES + batch.length }]);
    });
    return refusal;
  }

  async replace(name: string, parts: readonly Uint8Array[]): Promise<void> {
    if (!this.index.has(name)) return;
    const pieces = this.#splits.split(name, parts);
    this.index.forget(name);
    this.index.insert(pieces);
    // Once a piece is sent, the whole must not come back after a power cut, so `read` waits for this sync.
    this.#syncOwed = true;
    this.folder.demand(() => this.folder.sync());
    this.#syncOwed = false;
  }

  /** Takes up a loss report that an earlier run left. @throws what the file system throws */
  recoverReport(name: string): void {
    const counted = this.reports.recover(name);
    if (counted !== undefined) {
      this.eviction.resume(counted);
      return;
    }
    const reason = 'it summed up batches that were evicted, and is damaged: what it said is unknown';
    this.folder.disk.rename(this.folder.file(name), `${quarantineFolder(this.folder.path)}/${name}`);
    this.counters.damaged++;
    this.counters.quarantined++;
    this.counters.unaccounted++;
    this.#options.onQuarantined(name, reason);
  }

  /** Undefined when it is gone. @throws what the file system throws otherwise */
  measure(name: string): number | undefined {
    try {
      this.index.measure(name, this.folder.disk.size(this.folder.file(name)));
      return this.index.bytesOf(name);
    } catch (error) {
      if (!isFileSystemError(error) || error.code !== 'ENOENT') throw error;
      this.deleted.lose(name);
      return undefined;
    }
  }

  /** Undefined when it is gone. @throws OperationalError `spool.unusable` when the disk cannot say now */
  #bytesOf(name: string): number | undefined {
    try {
      return this.index.bytesOf(name) ?? this.measure(name);
    } catch (error) {
      throw this.folder.unusable(error);
    }
  }

  /** Gone because it was evicted meanwhile, or because another program deleted it. @throws any other error */
  #vanished(name: string, error: unknown): undefined {
    if (!isFileSystemError(error) || error.code !== 'ENOENT') throw this.folder.unusable(error);
    this.deleted.lose(name);
  }

  #evicted(name: string, reason: EvictionReason, totals: EvictedTotals): void {
    const isLast = !this.#options.use.isOwedElsewhere(name, this.index);
    this.index.forget(name);
    addEvicted(this.counters.evicted, totals);
    this.#options.onEvicted(reason, totals, isLast);
  }

  #damaged(name: string, reason: string): undefined {
    // A batch that was evicted while it was being read is no damage.
    if (!this.index.has(name)) return undefined;
    this.#moveToQuarantine(name, reason);
    this.counters.damaged++;
    return undefined;
  }

  #moveToQuarantine(name: string, reason: string): void {
    this.folder.demand(() => this.#splits.clear(name));
    const found = this.#readLost(name);
    const lost = found === 'newer' ? undefined : found;
    const bytes = this.index.has(name) ? this.#bytesOf(name) : undefined;
    if (bytes === undefined) return;
    const emitted = lost === undefined ? `${reason}; how many packets were in it is unknown` : reason;
    const take = () => this.#quarantine.take(this.folder.file(name), name, bytes, emitted);
    if (lost !== undefined && this.eviction.report([lost])) this.eviction.moveReported(name, take);
    else {
      this.folder.demand(take);
      if (lost === undefined) this.counters.unaccounted++;
      else this.reports.addUnwritten([lost]);
      this.index.forget(name);
    }
    this.counters.quarantined++;
    this.#options.onQuarantined(name, emitted);
  }

  /** Undefined where what was in it is unknown, or it is gone. @throws OperationalError `spool.unusable` when nothing can be read now */
  #readLost(name: string): LostBatch | 'newer' | undefined {
    try {
      return readLostBatch(this.folder.disk, this.folder.file(name), name);
    } catch (error) {
      return this.#vanished(name, error);
    }
  }
}
