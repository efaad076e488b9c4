/** The folder in which open windows outlive the process, seen from the control plane: made at the start, synced from time to time. */
import { readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { PRESENCE_SUFFIX } from './meter/presence.ts';
import { syncTables } from './meter/table-sync.ts';
import { pointKey } from './meter/window-file.ts';
import type { KeepSetup } from './meter/window-keeper.ts';
import type { ObservationPoint } from './model/flow-log.ts';
import { isSystemError } from './model/system-error.ts';
import { nodeDisk } from './spool/disk.ts';
import { readBootId, UNKNOWN_BOOT } from './spool/spool-lock.ts';
import type { Log } from './telemetry/log.ts';

/** From the end of one sync to the next: what a power cut may take, with the time that a sync takes on top. */
const SYNC_MS = 10_000;

export interface KeptTables {
  readonly setup: KeepSetup;
  close(): void;
}

/** What a run is, as far as its tables are concerned. */
export interface KeptRun {
  readonly stateDirectory: string;
  readonly hostId: string;
  readonly runId: string;
  readonly points: readonly ObservationPoint[];
}

/** What the disk refuses now it may take later: each window tries anew (meter/window-keeper.ts), and so does each sync. */
export function openKeptTables({ stateDirectory, hostId, runId, points }: KeptRun, log: Log): KeptTables {
  const folder = join(stateDirectory, 'tables');
  try {
    nodeDisk.makeFolder(folder);
    forgetOthers(folder, points);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    log.warn('the folder of open windows cannot be made ready, it is tried again', { folder, reason: error.message });
  }
  const known = readBootId();
  // Where the boot is not known, every run counts as one of another boot: its gap then begins with what was synced.
  const bootId = known === UNKNOWN_BOOT ? runId : known;
  return { setup: { folder, hostId, runId, bootId }, close: syncRepeatedly(folder, log) };
}

/**
 * Points come and go with their interfaces; what was known of those that this run does not observe would pile up. At the start
 * alone: later, points may have come that the start did not know, and the next start finds what this one could not remove.
 */
function forgetOthers(folder: string, points: readonly ObservationPoint[]): void {
  const known = new Set(points.map((point) => `${pointKey(point)}${PRESENCE_SUFFIX}`));
  for (const name of readdirSync(folder)) {
    if (name.endsWith(PRESENCE_SUFFIX) && !known.has(name)) unlinkSync(join(folder, name));
  }
}

/** Says once when the disk begins to refuse, and once when it takes the tables again. */
function syncRepeatedly(folder: string, log: Log): () => void {
  let isFailing = false;
  let isClosed = false;
  const settled = (error?: Error) => {
    const hasChanged = (error !== undefined) !== isFailing;
    isFailing = error !== undefined;
    if (hasChanged && error !== undefined)
      log.warn('open windows cannot be synced to the disk: a power cut would lose more of them', {
        reason: error.message,
      });
    else if (hasChanged) log.info('open windows are synced to the disk again');
    if (!isClosed) timer.refresh();
  };
  const timer = setTimeout(() => void syncTables(folder).then(() => settled(), settled), SYNC_MS);
  return () => {
    isClosed = true;
    clearTimeout(timer);
  };
}
