/**
 * How batches leave the queue of a sink undelivered: their packets go into the loss report of their observation point (loss-reports.ts),
 * and once that is surely on the disk, their files go. So a batch is either there or in a report, never in both or neither.
 */
import { OperationalError } from '../model/operational-error.ts';
import type { RecordTotals } from '../wire/flow-batch.ts';
import { isFileSystemError, unlinkIfThere } from './disk.ts';
import { type LossReports, type LostBatch, pointOf } from './loss-reports.ts';
import type { PartialSplits } from './partial-splits.ts';
import type { EvictedTotals, EvictionReason } from './spool-bounds.ts';
import type { SpoolFolder } from './spool-folder.ts';

const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/** Batches of one write of the reports, which hold their names. */
const EVICTED_AT_ONCE = 256;

export interface EvictionParts {
  readonly folder: SpoolFolder;
  readonly reports: LossReports;
  readonly splits: PartialSplits;
  /** What the batch says of itself; undefined where that is damaged, or it is gone. @throws OperationalError `spool.unusable` */
  readonly readLost: (name: string) => LostBatch | 'newer' | undefined;
  readonly onDamaged: (name: string, reason: string) => void;
  /** A batch went of which this version cannot read how many packets were in it. */
  readonly onUnaccounted: () => void;
  /** It is in a report, so it is pending no more. */
  readonly onReported: (name: string) => void;
  /** It went over a limit. */
  readonly onEvicted: (name: string, reason: EvictionReason, totals: EvictedTotals) => void;
}

export class Eviction {
  readonly #parts: EvictionParts;
  /** In a report, but the disk did not let go of them yet. */
  readonly #reported = new Set<string>();
  /** Deleted, which is not surely on the disk. */
  readonly #deleted = new Set<string>();

  constructor(parts: EvictionParts) {
    this.#parts = parts;
  }

  /** Batches that an earlier run has put into a report. */
  resume(names: readonly string[]): void {
    for (const name of names) this.#reported.add(name);
  }

  reported(): Iterable<string> {
    return this.#reported;
  }

  /** Makes durable what the disk did not take before, as far as it does now. */
  settle(): void {
    const { folder, reports } = this.#parts;
    folder.attempt(() => this.#clear());
    folder.attempt(() => reports.flush());
  }

  /** Evicts batches that are over a limit. What the disk refuses to report stays. */
  evict(names: readonly string[], reason: EvictionReason): void {
    try {
      for (let at = 0; at < names.length; at += EVICTED_AT_ONCE) {
        this.#evict(names.slice(at, at + EVICTED_AT_ONCE), reason);
      }
    } catch (error) {
      // Nothing goes uncounted: the spool stays over its limit until the disk takes the report.
      if (!(error instanceof OperationalError)) throw error;
    }
  }

  /** Makes the reports ready to be sent, once the deletion of their batches is on the disk. */
  closeReports(): void {
    this.#parts.folder.attempt(() => {
      this.#clear();
      this.#parts.reports.close();
    });
  }

  /** False where there is no room for a report. @throws OperationalError `spool.unusable` when the disk refuses otherwise */
  report(batches: readonly LostBatch[]): boolean {
    const { folder, reports } = this.#parts;
    try {
      reports.add(batches);
      return true;
    } catch (error) {
      if (isFileSystemError(error) && NO_ROOM.has(error.code)) return false;
      throw folder.unusable(error);
    }
  }

  /** Once it is in a report, which has to be on the disk first, a batch is pending no more: what cannot be moved is deleted. */
  moveReported(name: string, move: () => void): void {
    const { folder, onReported } = this.#parts;
    onReported(name);
    const isMoved = folder.attempt(() => folder.sync()) && folder.attempt(move);
    (isMoved ? this.#deleted : this.#reported).add(name);
  }

  #evict(names: readonly string[], reason: EvictionReason): void {
    const { folder, splits, readLost, onDamaged } = this.#parts;
    const points = new Map<string, LostBatch[]>();
    for (const name of names) {
      if (!folder.attempt(() => splits.clear(name))) continue;
      const lost = readLost(name);
      if (lost === 'newer') this.#evictUnread(name, reason);
      else if (lost === undefined) onDamaged(name, 'evicted over a limit, and its label is damaged');
      else {
        const point = pointOf(lost.header);
        points.set(point, [...(points.get(point) ?? []), lost]);
      }
    }
    for (const batches of points.values()) this.#evictOfPoint(batches, reason);
    folder.attempt(() => this.#clear());
  }

  #evictOfPoint(batches: readonly LostBatch[], reason: EvictionReason): void {
    if (!this.report(batches)) this.#evictUnwritten(batches, reason);
    else
      for (const batch of batches) {
        this.#reported.add(batch.name);
        this.#evicted(batch.name, reason, batch.records);
      }
  }

  /** Oldest first holds for all: what only a newer flowlogd can read goes in its turn, too, and its packets are unknown. */
  #evictUnread(name: string, reason: EvictionReason): void {
    const { folder, onUnaccounted } = this.#parts;
    if (!folder.attempt(() => unlinkIfThere(folder.disk, folder.file(name)))) return;
    this.#evicted(name, reason, { records: 0, packets: 0, bytes: 0 });
    onUnaccounted();
  }

  /** Deleting makes the room that there is not. */
  #evictUnwritten(batches: readonly LostBatch[], reason: EvictionReason): void {
    const { folder, reports } = this.#parts;
    for (const batch of batches) {
      if (!folder.attempt(() => unlinkIfThere(folder.disk, folder.file(batch.name)))) continue;
      reports.addUnwritten([batch]);
      this.#evicted(batch.name, reason, batch.records);
    }
    folder.attempt(() => reports.flush());
  }

  #evicted(name: string, reason: EvictionReason, { records, packets, bytes }: RecordTotals): void {
    this.#parts.onEvicted(name, reason, { batches: 1, records, packets, bytes });
  }

  /** First the reports are surely on the disk, then their batches go. */
  #clear(): void {
    if (this.#reported.size === 0) return;
    const { folder, reports } = this.#parts;
    folder.sync();
    reports.forget(this.#deleted);
    this.#deleted.clear();
    for (const name of this.#reported) {
      unlinkIfThere(folder.disk, folder.file(name));
      this.#reported.delete(name);
      this.#deleted.add(name);
    }
  }
}
