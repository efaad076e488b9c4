/**
 * The spool: batches that are durable and not yet delivered. One folder, one file for each batch:
 *
 *     FOLDER/lock                                 which process uses the spool (spool-lock.ts)
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
 * Bounds: `bytesMax` on the disk, counted in blocks, over which the oldest go first (a window that is being written comes on
 * top, and batches on their way to the service stay); the quarantine's and the accounts' own; in memory one index entry for a file.
 */
import type { BatchStore } from '../model/batch-store.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { RecordTotals } from '../wire/flow-batch.ts';
import { type Disk, isFileSystemError, unlinkIfThere } from './disk.ts';
import { LossReports, type LostBatch, pointOf, readLostBatch } from './loss-reports.ts';
import { Quarantine } from './quarantine.ts';
import {
  addDropped,
  DropEpisodes,
  type DropEvents,
  type DroppedTotals,
  type DropReason,
  diskBytes,
} from './spool-bounds.ts';
import { FILE_BYTES_MAX, readSpoolFile, SPOOL_HEADER_BYTES, spoolFile } from './spool-file.ts';
import { lockSpool, type Processes, unlockSpool } from './spool-lock.ts';
import { parseSpoolName, pieceNames, TEMPORARY_SUFFIX, wholesOf } from './spool-name.ts';
import { asUnusable, type SpoolEntry, SpoolWriter } from './spool-writer.ts';

export const SPOOL_DEFAULTS = { bytesMax: 1024 ** 3, quarantineBytesMax: 64 * 1024 ** 2 } as const;

const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/** Batches of one write of the accounts, which hold their names. */
const DROPS_AT_ONCE = 256;

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
  readonly processes: Processes;
  readonly events: SpoolEvents;
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
  /** Files that somebody else deleted. */
  vanished: number;
}

export class Spool implements BatchStore {
  readonly #options: SpoolOptions;
  readonly #quarantine: Quarantine;
  readonly #episodes: DropEpisodes;
  readonly #reports: LossReports;
  /** Given up and in an account, but the disk did not let go of them yet. */
  readonly #givenUp = new Set<string>();
  /** Deleted, which is not surely on the disk. */
  readonly #deleted = new Set<string>();
  /** On their way to the service. */
  readonly #lent = new Set<string>();
  /** Names with their bytes on the disk, oldest first. */
  #files = new Map<string, number>();
  #newest = '';
  #bytes = 0;
  /** The folder holds the pieces of a batch, but its own removal is not surely on the disk. */
  #syncOwed = false;
  /** Batches whose cutting failed, with the pieces that may still lie on the disk beside them. */
  readonly #strays = new Map<string, readonly string[]>();
  #writer: SpoolWriter | undefined;
  readonly counters: SpoolCounters = {
    dropped: { batches: 0, records: 0, packets: 0, bytes: 0 },
    damaged: 0,
    quarantined: 0,
    untold: 0,
    vanished: 0,
  };

  /** @throws OperationalError `instance.running`, `spool.unusable` */
  static open(options: SpoolOptions): Spool {
    const { disk, folder, processes } = options;
    try {
      disk.makeFolder(folder);
      lockSpool(disk, folder, processes);
    } catch (error) {
      throw asUnusable(folder, error);
    }
    try {
      return new Spool(options);
    } catch (error) {
      unlockSpool(disk, folder);
      throw asUnusable(folder, error);
    }
  }

  private constructor(options: SpoolOptions) {
    this.#options = options;
    this.#episodes = new DropEpisodes(options.events);
    this.#reports = new LossReports(options.disk, options.folder);
    this.#quarantine = new Quarantine(options.disk, `${options.folder}/quarantine`, options.quarantineBytesMax);
    this.#recover();
  }

  /** The sequence number with which a writer starts. */
  get nextSequence(): number {
    const waiting = this.#newest === '' ? -1 : parseSpoolName(this.#newest)!.sequence;
    return Math.max(waiting, this.#quarantine.sequenceMax, this.#reports.sequenceMax) + 1;
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
    for (const { name, bytes } of entries) this.#insert(name, bytes);
    this.#restoreOrder(entries.map(({ name }) => name));
    this.sweep();
  }

  oldest(limit: number): readonly string[] {
    const names = this.#reports.closed.slice(0, limit);
    for (const name of this.#files.keys()) {
      if (names.length >= limit) break;
      names.push(name);
    }
    return names;
  }

  backlog(): { readonly batches: number; readonly bytes: number } {
    return { batches: this.#reports.closed.length + this.#files.size, bytes: this.#bytes };
  }

  /** Unix seconds at which the oldest batch was written; undefined when none waits. */
  get oldestSeconds(): number | undefined {
    const [oldest] = this.#files.keys();
    return oldest === undefined ? undefined : parseSpoolName(oldest)?.spooledSeconds;
  }

  get quarantinedFiles(): number {
    return this.#quarantine.files;
  }

  /** @throws OperationalError `spool.unusable` when the disk cannot be read now. */
  async read(name: string): Promise<Uint8Array | undefined> {
    const bytes = this.#files.get(name);
    if (bytes === undefined) return this.#reports.read(name);
    this.#lent.add(name);
    const { disk, folder } = this.#options;
    if (bytes > FILE_BYTES_MAX) return this.#damaged(name, `it has ${bytes} bytes, more than any batch`);
    let content: Uint8Array;
    try {
      if (this.#syncOwed) disk.syncFolder(folder);
      this.#syncOwed = false;
      content = await disk.read(this.#path(name));
    } catch (error) {
      return this.#vanished(name, error);
    }
    const found = readSpoolFile(content);
    return found.kind === 'whole' ? found.payload : this.#damaged(name, found.reason);
  }

  giveBack(name: string): void {
    this.#lent.delete(name);
  }

  async remove(name: string): Promise<void> {
    if (LossReports.isReport(name)) return this.#try(() => this.#reports.remove(name));
    this.#try(() => {
      this.#clearStrays(name);
      unlinkIfThere(this.#options.disk, this.#path(name));
    });
    this.#forget(name);
    this.#episodes.calm(this.#bytes, this.#options.bytesMax);
    // The service takes batches: now it can take what is said of those that went.
    this.#attempt(() => this.#closeReports());
  }

  async quarantine(name: string, reason: string): Promise<void> {
    if (!LossReports.isReport(name)) return this.#setAside(name, reason);
    // An account of an account would be refused just so.
    this.#try(() => this.#reports.remove(name));
    this.counters.quarantined++;
    this.#options.events.onQuarantined(name, reason);
  }

  async replace(name: string, parts: readonly Uint8Array[]): Promise<void> {
    if (!this.#files.has(name)) return;
    const { disk, folder } = this.#options;
    const pieces = pieceNames(name, parts.length);
    this.#try(() => this.#clearStrays(name));
    this.#strays.set(name, pieces);
    try {
      this.#placePieces(name, pieces, parts);
    } catch (error) {
      // What cannot be cleared now stands in the way of everything that is done to this batch until it can.
      if (isFileSystemError(error)) this.#attempt(() => this.#clearStrays(name));
      throw asUnusable(folder, error);
    }
    this.#strays.delete(name);
    this.#forget(name);
    for (const [index, piece] of pieces.entries()) this.#insert(piece, SPOOL_HEADER_BYTES + parts[index]!.length);
    this.#restoreOrder(pieces);
    // Once a piece is sent, the whole must not come back after a power cut, so `read` waits for this sync.
    this.#syncOwed = true;
    this.#try(() => disk.syncFolder(folder));
    this.#syncOwed = false;
  }

  /** Gives up what is over the bounds, oldest first. Called when batches come in; with a bound of age also from time to time. */
  sweep(): void {
    const { bytesMax, now } = this.#options;
    this.#attempt(() => this.#clearGivenUp());
    this.#attempt(() => this.#reports.flush());
    const nowSeconds = now() / 1000;
    let overBytes = this.#bytes - bytesMax;
    const due: string[] = [];
    let reason: DropReason = 'age';
    for (const [name, bytes] of this.#files) {
      if (overBytes <= 0 && !this.#isTooOld(name, nowSeconds)) break;
      if (this.#lent.has(name)) continue;
      if (overBytes > 0) reason = 'bytes';
      overBytes -= bytes;
      due.push(name);
    }
    try {
      for (let at = 0; at < due.length; at += DROPS_AT_ONCE) this.#drop(due.slice(at, at + DROPS_AT_ONCE), reason);
    } catch (error) {
      // Nothing goes uncounted: the spool stays over its bound until the disk takes the account.
      if (!(error instanceof OperationalError)) throw error;
    }
    if (due.length === 0) this.#episodes.calm(this.#bytes, bytesMax);
  }

  /** The folder is free for another process. */
  close(): void {
    this.#try(() => unlockSpool(this.#options.disk, this.#options.folder));
  }

  #recover(): void {
    const { disk, folder } = this.#options;
    const names = new Set<string>();
    for (const name of disk.list(folder)) {
      if (name.endsWith(TEMPORARY_SUFFIX)) unlinkIfThere(disk, this.#path(name));
      else if (LossReports.isReport(name)) this.#recoverReport(name);
      else if (parseSpoolName(name) !== undefined) names.add(name);
    }
    for (const name of this.#givenUp) names.delete(name);
    this.#attempt(() => this.#clearGivenUp());
    const sorted = [...names].sort();
    for (const name of sorted) {
      if (wholesOf(name).some((whole) => names.has(whole))) unlinkIfThere(disk, this.#path(name));
      else this.#insert(name, disk.size(this.#path(name)));
    }
    this.#newest = sorted.at(-1) ?? '';
    // A killed process may have left changes that everybody sees and no disk holds yet.
    disk.syncFolder(folder);
    this.sweep();
  }

  #path(name: string): string {
    return `${this.#options.folder}/${name}`;
  }

  #insert(name: string, bytes: number): void {
    this.#files.set(name, diskBytes(bytes));
    this.#bytes += diskBytes(bytes);
  }

  /** A map keeps the order of insertion; only pieces (and two writers at once) come before what is there. */
  #restoreOrder(inserted: readonly string[]): void {
    const inOrder = inserted.every((name, index) => name > (index === 0 ? this.#newest : inserted[index - 1]!));
    const last = inserted.at(-1) ?? '';
    if (last > this.#newest) this.#newest = last;
    if (inOrder) return;
    this.#files = new Map([...this.#files].sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  #forget(name: string): boolean {
    const bytes = this.#files.get(name);
    if (bytes === undefined) return false;
    this.#files.delete(name);
    this.#bytes -= bytes;
    return true;
  }

  /** Gone because the bound was met while we waited, or because somebody cleans up behind our back. @throws any other error */
  #vanished(name: string, error: unknown): undefined {
    if (!isFileSystemError(error) || error.code !== 'ENOENT') throw asUnusable(this.#options.folder, error);
    if (this.#forget(name)) this.counters.vanished++;
  }

  #damaged(name: string, reason: string): undefined {
    // A batch that was dropped while it was being read is no damage.
    if (!this.#files.has(name)) return undefined;
    this.#setAside(name, reason);
    this.counters.damaged++;
    return undefined;
  }

  #setAside(name: string, reason: string): void {
    this.#try(() => this.#clearStrays(name));
    const lost = this.#readLost(name);
    const bytes = this.#files.get(name);
    if (bytes === undefined) return;
    const told = lost === undefined ? `${reason}; how many packets were in it is unknown` : reason;
    const take = () => this.#quarantine.take(this.#path(name), name, bytes, told);
    if (lost !== undefined && this.#report([lost])) this.#setCountedAside(name, take);
    else {
      this.#try(take);
      if (lost === undefined) this.counters.untold++;
      else this.#reports.addUnwritten([lost]);
      this.#forget(name);
    }
    this.counters.quarantined++;
    this.#options.events.onQuarantined(name, told);
  }

  /** Undefined where nobody can know what was in it, or it is gone. @throws OperationalError `spool.unusable` when nothing can be read now */
  #readLost(name: string): LostBatch | undefined {
    try {
      return readLostBatch(this.#options.disk, this.#path(name), name);
    } catch (error) {
      return this.#vanished(name, error);
    }
  }

  /** Once it is in an account, which has to be on the disk first, a batch goes on no more: what cannot be moved is deleted. */
  #setCountedAside(name: string, take: () => void): void {
    const { disk, folder } = this.#options;
    this.#forget(name);
    const isMoved = this.#attempt(() => disk.syncFolder(folder)) && this.#attempt(take);
    (isMoved ? this.#deleted : this.#givenUp).add(name);
  }

  #isTooOld(name: string, nowSeconds: number): boolean {
    const { ageSecondsMax } = this.#options;
    return ageSecondsMax !== undefined && nowSeconds - parseSpoolName(name)!.spooledSeconds > ageSecondsMax;
  }

  /** Puts batches into the accounts of their observation points, and then deletes them. */
  #drop(names: readonly string[], reason: DropReason): void {
    const points = new Map<string, LostBatch[]>();
    for (const name of names) {
      if (!this.#attempt(() => this.#clearStrays(name))) continue;
      const lost = this.#readLost(name);
      if (lost === undefined) this.#damaged(name, 'it had to go over a bound, and what it says of itself is damaged');
      else {
        const point = pointOf(lost.header);
        points.set(point, [...(points.get(point) ?? []), lost]);
      }
    }
    for (const batches of points.values()) this.#dropCounted(batches, reason);
    this.#attempt(() => this.#clearGivenUp());
  }

  #dropCounted(batches: readonly LostBatch[], reason: DropReason): void {
    if (!this.#report(batches)) this.#dropUnwritten(batches, reason);
    else
      for (const batch of batches) {
        this.#givenUp.add(batch.name);
        this.#dropped(batch.name, reason, batch.records);
      }
  }

  /** False where there is no room for an account. @throws OperationalError `spool.unusable` when the disk refuses otherwise */
  #report(batches: readonly LostBatch[]): boolean {
    try {
      this.#reports.add(batches);
      return true;
    } catch (error) {
      if (isFileSystemError(error) && NO_ROOM.has(error.code)) return false;
      throw asUnusable(this.#options.folder, error);
    }
  }

  /** Deleting makes the room that there is not. */
  #dropUnwritten(batches: readonly LostBatch[], reason: DropReason): void {
    for (const batch of batches) {
      if (!this.#attempt(() => unlinkIfThere(this.#options.disk, this.#path(batch.name)))) continue;
      this.#reports.addUnwritten([batch]);
      this.#dropped(batch.name, reason, batch.records);
    }
    this.#attempt(() => this.#reports.flush());
  }

  #dropped(name: string, reason: DropReason, { records, packets, bytes }: RecordTotals): void {
    this.#forget(name);
    const totals = { batches: 1, records, packets, bytes };
    addDropped(this.counters.dropped, totals);
    this.#episodes.dropped(reason, totals);
  }

  /** First the accounts are surely on the disk, then their batches go. */
  #clearGivenUp(): void {
    if (this.#givenUp.size === 0) return;
    const { disk, folder } = this.#options;
    disk.syncFolder(folder);
    this.#reports.forget(this.#deleted);
    this.#deleted.clear();
    for (const name of this.#givenUp) {
      unlinkIfThere(disk, this.#path(name));
      this.#givenUp.delete(name);
      this.#deleted.add(name);
    }
  }

  #closeReports(): void {
    this.#clearGivenUp();
    this.#reports.close();
  }

  #recoverReport(name: string): void {
    const counted = this.#reports.recover(name);
    if (counted !== undefined) for (const batch of counted) this.#givenUp.add(batch);
    else {
      const reason = 'it summed up batches that were given up, and is damaged: what it said is unknown';
      this.#options.disk.rename(this.#path(name), `${this.#options.folder}/quarantine/${name}`);
      this.counters.damaged++;
      this.counters.quarantined++;
      this.counters.untold++;
      this.#options.events.onQuarantined(name, reason);
    }
  }

  #placePieces(name: string, pieces: readonly string[], parts: readonly Uint8Array[]): void {
    const { disk, folder } = this.#options;
    for (const [index, piece] of pieces.entries()) {
      disk.create(this.#path(piece) + TEMPORARY_SUFFIX, spoolFile(parts[index]!));
    }
    for (const piece of pieces) disk.rename(this.#path(piece) + TEMPORARY_SUFFIX, this.#path(piece));
    // First the pieces are durable, then the whole is gone: in between, a restart prefers the whole.
    disk.syncFolder(folder);
    disk.unlink(this.#path(name));
  }

  /** A piece must never outlive its whole, power cuts included: it would be taken for a batch at the next start. */
  #clearStrays(name: string): void {
    const { disk, folder } = this.#options;
    const pieces = this.#strays.get(name);
    if (pieces === undefined) return;
    for (const piece of pieces) {
      unlinkIfThere(disk, this.#path(piece) + TEMPORARY_SUFFIX);
      unlinkIfThere(disk, this.#path(piece));
    }
    disk.syncFolder(folder);
    this.#strays.delete(name);
  }

  /** False when the file system refuses. */
  #attempt(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (!isFileSystemError(error)) throw error;
      return false;
    }
  }

  #try(action: () => void): void {
    try {
      action();
    } catch (error) {
      throw asUnusable(this.#options.folder, error);
    }
  }
}
