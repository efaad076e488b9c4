/**
 * What is in a spool's folder, read without taking it: also while an agent works there, whose deliveries may take a file away
 * between two looks. Of each batch only the label is read, so memory is one entry for each that is listed.
 */
import { OperationalError } from '../model/operational-error.ts';
import { FlowBatchReader, sumRecords } from '../wire/flow-batch-reader.ts';
import { type Disk, isFileSystemError, isThere } from './disk.ts';
import { REASON_SUFFIX } from './quarantine.ts';
import { FILE_BYTES_MAX, labelEndOf, readLabel, readSpoolFile, SPOOL_HEADER_BYTES } from './spool-file.ts';
import { isSinkName, quarantineFolder, sinkFolder, sinksFolder } from './spool-layout.ts';
import { parseSpoolName } from './spool-name.ts';

export type BatchState = 'pending' | 'newer' | 'corrupt' | 'quarantined';

/** A file of the spool that is pending, or quarantined, for one sink. */
export interface SpoolFile {
  readonly sink: string;
  readonly batch: string;
  readonly path: string;
  readonly isQuarantined: boolean;
}

export interface ListedBatch {
  readonly sink: string;
  readonly batch: string;
  readonly state: BatchState;
  /** Unix seconds. */
  readonly spooledSeconds: number;
  readonly bytes: number;
  /** Null where the file does not say: it is corrupt, or of a newer flowlogd. */
  readonly flowLogId: string | null;
  readonly interfaceId: string | null;
  readonly windowStart: number | null;
  readonly windowSeconds: number | null;
  readonly records: number | null;
  readonly packets: number | null;
  /** Why it is quarantined. */
  readonly reason: string | null;
}

/** Names of the sinks that have a folder. @throws OperationalError `spool.unusable` */
export function sinksIn(disk: Disk, folder: string): readonly string[] {
  return attempt(folder, () => {
    const sinks = sinksFolder(folder);
    return isThere(disk, sinks) ? disk.list(sinks).filter(isSinkName).sort() : [];
  });
}

/** Of each sink, oldest first; the quarantine behind what is pending. @throws OperationalError `spool.unusable` */
export function filesIn(disk: Disk, folder: string, sinks: readonly string[]): readonly SpoolFile[] {
  return attempt(folder, () => sinks.flatMap((sink) => filesOf(disk, folder, sink)));
}

/** Undefined where it went meanwhile. @throws OperationalError `spool.unusable` */
export function describe(disk: Disk, file: SpoolFile): ListedBatch | undefined {
  return unlessGone(file.path, () => {
    const { sink, batch, path, isQuarantined } = file;
    const label = labelOf(disk, path);
    const state = label.kind === 'known' ? 'pending' : label.kind;
    return {
      sink,
      batch,
      state: isQuarantined ? 'quarantined' : state,
      spooledSeconds: parseSpoolName(batch)!.spooledSeconds,
      bytes: disk.size(path),
      ...factsOf(label),
      reason: isQuarantined ? reasonOf(disk, path) : null,
    };
  });
}

/** The batch in a file; undefined where it went meanwhile. @throws OperationalError `spool.damaged`, `spool.newer`, `spool.unusable` */
export function contentOf(disk: Disk, { path }: SpoolFile): Uint8Array | undefined {
  const content = unlessGone(path, () => disk.readNow(path));
  if (content === undefined) return undefined;
  const found = readSpoolFile(content);
  if (found.kind === 'whole') return found.payload;
  throw found.kind === 'newer'
    ? new OperationalError('spool.newer', `Reading ${path} failed: a newer flowlogd wrote it.`)
    : new OperationalError('spool.damaged', `Reading ${path} failed: it is corrupt: ${found.reason}.`);
}

function filesOf(disk: Disk, folder: string, sink: string): SpoolFile[] {
  const own = sinkFolder(folder, sink);
  return [own, quarantineFolder(own)].flatMap((from) =>
    isThere(disk, from)
      ? disk
          .list(from)
          .filter((name) => parseSpoolName(name) !== undefined)
          .sort()
          .map((batch) => ({ sink, batch, path: `${from}/${batch}`, isQuarantined: from !== own }))
      : [],
  );
}

type Label = { readonly kind: 'known'; readonly batch: FlowBatchReader } | { readonly kind: 'newer' | 'corrupt' };

function labelOf(disk: Disk, path: string): Label {
  const header = disk.readNow(path, SPOOL_HEADER_BYTES);
  const start = disk.readNow(path, Math.min(labelEndOf(header), FILE_BYTES_MAX));
  const label = readLabel(start);
  if (label === undefined) return { kind: readSpoolFile(start).kind === 'newer' ? 'newer' : 'corrupt' };
  try {
    return { kind: 'known', batch: new FlowBatchReader(label) };
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return { kind: error.code === 'spool.newer' ? 'newer' : 'corrupt' };
  }
}

function factsOf(label: Label) {
  if (label.kind !== 'known') {
    return {
      flowLogId: null,
      interfaceId: null,
      windowStart: null,
      windowSeconds: null,
      records: null,
      packets: null,
    };
  }
  const { flowLogId, interfaceId, windowStart, windowSeconds } = label.batch.header;
  const { records, packets } = label.batch.totals ?? sumRecords(label.batch);
  return { flowLogId, interfaceId, windowStart, windowSeconds, records, packets };
}

function reasonOf(disk: Disk, path: string): string | null {
  const reason = unlessGone(path, () => disk.readNow(path + REASON_SUFFIX));
  return reason === undefined ? null : Buffer.from(reason).toString('utf8').trim();
}

function unlessGone<Result>(path: string, look: () => Result): Result | undefined {
  try {
    return look();
  } catch (error) {
    if (isFileSystemError(error) && error.code === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
}

function attempt<Result>(folder: string, look: () => Result): Result {
  try {
    return look();
  } catch (error) {
    throw unreadable(folder, error);
  }
}

function unreadable(path: string, error: unknown): unknown {
  if (!isFileSystemError(error)) return error;
  return new OperationalError(
    'spool.unusable',
    `Reading the spool at ${path} failed: ${error.message}. Run the command as the user of flowlogd, or as root.`,
    error,
  );
}
