/** The folder in which open windows outlive the process, seen from the control plane: made at the start, synced from time to time. */
import { lstatSync, readdirSync, statfsSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { renameFormerCopies } from '../meter/layout-3.ts';
import { OBSERVED_UNTIL_SUFFIX } from '../meter/observed-until.ts';
import { type TableFolders, TableSync } from '../meter/table-sync.ts';
import { pointKey } from '../meter/window-file.ts';
import type { PersistOptions } from '../meter/window-journal.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import { isSystemError } from '../model/system-error.ts';
import { readBootId, UNKNOWN_BOOT } from '../spool/boot-id.ts';
import { nodeDisk } from '../spool/disk.ts';
import type { Log } from '../telemetry/log.ts';
import { isForeign } from './state-folder.ts';

/** statfs(2). */
const TMPFS_MAGIC = 0x01021994;
/** From the end of one sync to the next: what a power cut may take, with the time that a sync takes on top. */
const SYNC_MS = 10_000;

export interface TableDirectory {
  readonly persist: PersistOptions;
  /** Where earlier runs may have left windows, the folder on disk last. */
  readonly folders: readonly string[];
  close(): void;
}

/** What a run is, as far as its tables are concerned. */
export interface TableDirectoryOptions {
  readonly stateDirectory: string;
  /** In memory; undefined: open windows are kept in the state directory. */
  readonly tableDirectory?: string | undefined;
  readonly hostId: string;
  readonly runId: string;
  readonly points: readonly ObservationPoint[];
}

/** What the disk refuses now it may take later: each window tries anew (meter/window-journal.ts), and so does each sync. */
export function openTableDirectory(run: TableDirectoryOptions, log: Log): TableDirectory {
  const { hostId, runId, points } = run;
  const onDisk = join(run.stateDirectory, 'tables');
  const inMemory = memoryFolder(run, log);
  const kept = inMemory === undefined ? { folder: onDisk } : { folder: inMemory, copyFolder: onDisk };
  const folders = inMemory === undefined ? [onDisk] : [inMemory, onDisk];
  const refused = 'folder of open windows unavailable; retrying';
  unlessRefused({ log, refused, folder: onDisk }, () => {
    nodeDisk.makeFolder(onDisk);
    renameFormerCopies(onDisk);
    for (const folder of folders) forgetOthers(folder, points);
  });
  const known = readBootId();
  // Where the boot is not known, every run counts as one of another boot: its gap then begins with what was synced.
  const bootId = known === UNKNOWN_BOOT ? runId : known;
  return { persist: { ...kept, hostId, runId, bootId }, folders, close: syncRepeatedly(kept, log) };
}

/** Several agents may be given the same directory: each has a folder there, named by what nobody else has, its state directory. */
function memoryFolder({ stateDirectory, tableDirectory }: TableDirectoryOptions, log: Log): string | undefined {
  if (tableDirectory === undefined) return undefined;
  const refused = 'table.directory unusable; open windows in the state directory';
  return unlessRefused({ log, refused, folder: tableDirectory }, () => {
    const { dev, ino } = statSync(stateDirectory);
    const folder = join(tableDirectory, `${dev.toString(16)}-${ino.toString(16)}`);
    nodeDisk.makeFolder(folder);
    for (const path of [tableDirectory, folder]) {
      if (!isOwnFolder(path)) return void log.warn(refused, { folder: path, reason: 'it belongs to another user' });
    }
    if (statfsSync(folder).type !== TMPFS_MAGIC) {
      log.warn('table.directory is not tmpfs: a slow disk may stall counting', { folder });
    }
    return folder;
  });
}

/** In a folder that all users share somebody else may have been first. */
function isOwnFolder(path: string): boolean {
  const found = lstatSync(path);
  return found.isDirectory() && !isForeign(found);
}

/** Says what the system refuses, and continues. */
function unlessRefused<Result>(
  { log, refused, folder }: { readonly log: Log; readonly refused: string; readonly folder: string },
  prepare: () => Result,
): Result | undefined {
  try {
    return prepare();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    log.warn(refused, { folder, reason: error.message });
    return undefined;
  }
}

/**
 * Points come and go with their interfaces; what was known of those that this run does not observe would pile up. At the start
 * alone: later, points may have come that the start did not know, and the next start finds what this one could not remove.
 */
function forgetOthers(folder: string, points: readonly ObservationPoint[]): void {
  const known = new Set(points.map((point) => `${pointKey(point)}${OBSERVED_UNTIL_SUFFIX}`));
  for (const name of readdirSync(folder)) {
    if (name.endsWith(OBSERVED_UNTIL_SUFFIX) && !known.has(name)) unlinkSync(join(folder, name));
  }
}

/** Says once when the disk begins to refuse, and once when it takes the tables again. */
function syncRepeatedly(folders: TableFolders, log: Log): () => void {
  const sync = new TableSync(folders);
  let isFailing = false;
  let isClosed = false;
  const settled = (error?: Error) => {
    const hasChanged = (error !== undefined) !== isFailing;
    isFailing = error !== undefined;
    if (hasChanged && error !== undefined)
      log.warn('sync of open windows failed; a power cut would lose more of them', {
        reason: error.message,
      });
    else if (hasChanged) log.info('sync of open windows succeeds again');
    if (!isClosed) timer.refresh();
  };
  const timer = setTimeout(() => void sync.sync().then(() => settled(), settled), SYNC_MS);
  return () => {
    isClosed = true;
    clearTimeout(timer);
  };
}
