/** One process, one spool folder: the file FOLDER/spool.lock is held (lock-file.ts). */
import { readFileSync, readlinkSync, unlinkSync } from 'node:fs';
import { OperationalError } from '../model/operational-error.ts';
import { isSystemError } from '../model/system-error.ts';
import { readBootId, UNKNOWN_BOOT } from './boot-id.ts';
import { type Flock, type HeldLock, takeLock } from './lock-file.ts';

export const LOCK_NAME = 'spool.lock';
/** What earlier versions locked with: a symbolic link whose target was `PROCESS BOOT START`. */
const EARLIER_LOCK_NAME = 'lock';

/** @throws OperationalError `instance.running`; else what the file system throws */
export function lockSpool(folder: string, flock: Flock): HeldLock {
  const attempt = takeLock(`${folder}/${LOCK_NAME}`, flock);
  if (attempt.kind === 'taken') throw inUse(folder, attempt.holder);
  try {
    refuseEarlierVersion(folder);
    return attempt;
  } catch (error) {
    attempt.release();
    throw error;
  }
}

function inUse(folder: string, holder: string): OperationalError {
  return new OperationalError(
    'instance.running',
    `The spool ${folder} is in use by ${holder}: stop that agent, or set another stateDirectory for this one.`,
  );
}

/** During an upgrade an agent of an earlier version may still be there; what a killed one left goes. */
function refuseEarlierVersion(folder: string): void {
  const path = `${folder}/${EARLIER_LOCK_NAME}`;
  let target: string;
  try {
    target = readlinkSync(path);
  } catch (error) {
    if (isSystemError(error) && (error.code === 'ENOENT' || error.code === 'EINVAL')) return;
    throw error;
  }
  const [id = '', boot, started] = target.split(' ');
  const bootNow = readBootId();
  const isOfThisBoot = boot === bootNow || boot === UNKNOWN_BOOT || bootNow === UNKNOWN_BOOT;
  if (isOfThisBoot && started === startOf(Number(id))) throw inUse(folder, `process ${id} (an earlier flowlogd)`);
  unlinkSync(path);
}

/** proc(5): field 22 is the start time; the second field, a name in parentheses, may hold spaces and parentheses. */
function startOf(processId: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${processId}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
