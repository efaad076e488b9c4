/**
 * What was evicted, until the sink that owed it knows: one loss report for each observation point, in a file of the sink's folder
 *
 *     FOLDER/000000000042.lost-open   sums up batches that went over a limit, or into the quarantine
 *     FOLDER/000000000042.lost        the same, closed: it is sent like a batch, and never changes again
 *
 * The number is that of the first batch in it, so no two reports have the same. Its content (header of spool-file.ts, then
 * JSON) is a batch without records: from the first window to the end of the last, with the ledgers that went and the packets
 * of the records that went (`evicted`). So what arrives and what its ledgers say still add up to what was metered.
 *
 * A report is on the disk before its batches go, with their names, so that a restart deletes what a kill or a power cut
 * left of them. A name stays in the list until its deletion is surely on the disk, too.
 *
 * A newer flowlogd's report, in a layout or with members that this one does not know, stays in its file for that version.
 *
 * Limits: one open and one closed report for each observation point; gaps beyond a few are joined.
 */
import type { BatchHeader } from '../model/batch-id.ts';
import { addLedger, addTally, createLedger, joinGaps, type Ledger } from '../model/ledger.ts';
import { OperationalError } from '../model/operational-error.ts';
import { encodeHeader, encodeLedger, type RecordTotals } from '../wire/flow-batch.ts';
import { FlowBatchReader, sumRecords } from '../wire/flow-batch-reader.ts';
import { type Disk, isFileSystemError, unlinkIfThere } from './disk.ts';
import { type LossReport, lossReportText, parseLossReport } from './loss-report-text.ts';
import { FILE_BYTES_MAX, labelEndOf, readLabel, readSpoolFile, SPOOL_HEADER_BYTES, spoolHeader } from './spool-file.ts';
import { parseSpoolName, TEMPORARY_SUFFIX } from './spool-name.ts';

const OPEN_SUFFIX = '.lost-open';
const CLOSED_SUFFIX = '.lost';
const NAME = /^(\d{12,15})\.lost(-open)?$/;
const GAPS_MAX = 16;
const NOT_OF_FILE: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOENT']);

/** A batch on its way out. */
export interface LostBatch {
  readonly name: string;
  readonly header: BatchHeader;
  /** Where it was its window's last. */
  readonly ledger: Ledger | undefined;
  readonly records: RecordTotals;
}

export class LossReports {
  readonly #disk: Disk;
  readonly #folder: string;
  /** By observation point. */
  readonly #open = new Map<string, LossReport>();
  /** By name, and the points that have one. */
  readonly #closed = new Map<string, LossReport>();
  /** Names of reports that only a newer flowlogd can send. */
  readonly #newer = new Set<string>();
  /** Open reports that the disk did not take as they are. */
  readonly #unwritten = new Set<string>();

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  static isReport(name: string): boolean {
    return NAME.test(name);
  }

  /**
   * Takes up a report that an earlier run left.
   *
   * @returns the batches in it, which must not be there any more; undefined when the file is corrupt.
   */
  recover(name: string): readonly string[] | undefined {
    const found = readSpoolFile(this.#disk.readNow(`${this.#folder}/${name}`));
    if (found.kind === 'damaged') return undefined;
    const report = found.kind === 'newer' ? 'newer' : parseLossReport(found.payload);
    if (report === 'newer') {
      this.#newer.add(name);
      return [];
    }
    if (name.endsWith(OPEN_SUFFIX)) this.#open.set(pointOf(report.header), report);
    else this.#closed.set(name, report);
    return report.counted;
  }

  /** The highest sequence number of a batch in here, or -1. */
  get sequenceMax(): number {
    const reports = [...this.#open.values(), ...this.#closed.values()];
    const names = reports.flatMap(({ counted }) => counted);
    const sequences = names.map((name) => parseSpoolName(name)?.sequence ?? -1);
    const kept = Array.from(this.#newer, (name) => Number.parseInt(name, 10));
    return Math.max(-1, ...kept, ...sequences, ...reports.map(({ sequence }) => Number(sequence)));
  }

  /** Reports that stay for a newer flowlogd. */
  get newer(): number {
    return this.#newer.size;
  }

  /** Those that can be sent. */
  get closed(): readonly string[] {
    return [...this.#closed.keys()];
  }

  /** Puts batches of one observation point into its report, on the disk. @throws what the file system throws; nothing is changed then */
  add(batches: readonly LostBatch[]): void {
    const report = this.#with(batches);
    this.#write(report);
    const point = pointOf(report.header);
    this.#open.set(point, report);
    this.#unwritten.delete(point);
  }

  /** The same in memory only, for batches that are gone already from a disk that takes no file. */
  addUnwritten(batches: readonly LostBatch[]): void {
    const report = this.#with(batches);
    const point = pointOf(report.header);
    this.#open.set(point, report);
    this.#unwritten.add(point);
  }

  /** These files are surely gone: their names are of no use any more. */
  forget(names: ReadonlySet<string>): void {
    if (names.size === 0) return;
    for (const [point, report] of this.#open) {
      this.#open.set(point, { ...report, counted: report.counted.filter((name) => !names.has(name)) });
    }
  }

  /** Makes durable what only memory knows: the batches are gone. @throws what the file system throws */
  flush(): void {
    if (this.#unwritten.size === 0) return;
    for (const point of this.#unwritten) this.#write(this.#open.get(point)!);
    this.#disk.syncFolder(this.#folder);
    this.#unwritten.clear();
  }

  /**
   * Makes the open reports ready to be sent, save where an earlier one is still pending. The deletion of their batches must be
   * on the disk before.
   *
   * @throws what the file system throws
   */
  close(): void {
    const pending = new Set(Array.from(this.#closed.values(), ({ header }) => pointOf(header)));
    const due = [...this.#open].filter(([point]) => !pending.has(point));
    if (due.length === 0) return;
    this.flush();
    this.#disk.syncFolder(this.#folder);
    for (const [point, report] of due) {
      const name = report.sequence + CLOSED_SUFFIX;
      this.#disk.rename(this.#path(report.sequence + OPEN_SUFFIX), this.#path(name));
      this.#open.delete(point);
      this.#closed.set(name, report);
    }
    // What is sent under this name must not be taken for an open report after a power cut.
    this.#disk.syncFolder(this.#folder);
  }

  /** Writes all of them again, into a folder that was made anew. @throws what the file system throws */
  rewrite(): void {
    for (const report of this.#open.values()) this.#write(report);
    for (const report of this.#closed.values()) this.#write(report, CLOSED_SUFFIX);
    this.#disk.syncFolder(this.#folder);
    this.#unwritten.clear();
  }

  /** The report as a batch. */
  read(name: string): Uint8Array | undefined {
    const report = this.#closed.get(name);
    if (report === undefined) return undefined;
    return Buffer.concat([encodeHeader(report.header), encodeLedger(report.ledger)]);
  }

  /** @throws what the file system throws */
  remove(name: string): void {
    unlinkIfThere(this.#disk, this.#path(name));
    this.#closed.delete(name);
  }

  #path(name: string): string {
    return `${this.#folder}/${name}`;
  }

  #with(batches: readonly LostBatch[]): LossReport {
    const [first] = batches;
    const before = this.#open.get(pointOf(first!.header)) ?? newReport(first!);
    const ledger = createLedger([]);
    addLedger(ledger, before.ledger);
    for (const batch of batches) {
      if (batch.ledger !== undefined) addLedger(ledger, batch.ledger);
      addTally(ledger.evicted, batch.records);
    }
    joinGaps(ledger.gaps, GAPS_MAX);
    const headers = [before.header, ...batches.map(({ header }) => header)];
    const windowStart = Math.min(...headers.map((header) => header.windowStart));
    const end = Math.max(...headers.map((header) => header.windowStart + header.windowSeconds));
    return {
      ...before,
      header: { ...before.header, windowStart, windowSeconds: end - windowStart },
      ledger,
      counted: [...before.counted, ...batches.map(({ name }) => name)],
    };
  }

  #write(report: LossReport, suffix = OPEN_SUFFIX): void {
    const content = lossReportText(report);
    const path = this.#path(report.sequence + suffix);
    unlinkIfThere(this.#disk, path + TEMPORARY_SUFFIX);
    this.#disk.create(path + TEMPORARY_SUFFIX, [spoolHeader(content, 0), content]);
    this.#disk.rename(path + TEMPORARY_SUFFIX, path);
  }
}

/** A cut that no batch has: the report's identity is its own. */
function newReport({ name, header }: LostBatch): LossReport {
  const sequence = String(parseSpoolName(name)!.sequence).padStart(12, '0');
  return { sequence, header: { ...header, split: `lost-${sequence}` }, ledger: createLedger([]), counted: [] };
}

/**
 * The batch as a report takes it, whatever became of its records; undefined when its label is damaged or unreadable, and
 * `newer` when only a newer flowlogd can read it.
 *
 * @throws what the file system throws that says nothing of the file, or that it is gone
 */
export function readLostBatch(disk: Disk, path: string, name: string): LostBatch | 'newer' | undefined {
  try {
    const header = disk.readNow(path, SPOOL_HEADER_BYTES);
    const start = disk.readNow(path, Math.min(labelEndOf(header), FILE_BYTES_MAX));
    const label = readLabel(start);
    if (label === undefined) return readSpoolFile(start).kind === 'newer' ? 'newer' : undefined;
    const batch = new FlowBatchReader(label);
    return { name, header: batch.header, ledger: batch.ledger, records: batch.totals ?? sumRecords(batch) };
  } catch (error) {
    if (error instanceof OperationalError && error.code === 'spool.newer') return 'newer';
    const isOfFile = isFileSystemError(error) && !NOT_OF_FILE.has(error.code);
    if (isOfFile || error instanceof OperationalError) return undefined;
    throw error;
  }
}

export function pointOf({ flowLogId, interfaceId }: BatchHeader): string {
  return JSON.stringify([flowLogId, interfaceId]);
}
