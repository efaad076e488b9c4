/**
 * One process, one spool folder. The lock is a symbolic link whose target says which process holds it: made in one step, so
 * it is never half there, and small enough to stand in the inode, so it can be made on a full disk too (an agent that is
 * started there must come up and drain). It is stale when that process runs no more: a process is known by its id, its start
 * time and the boot, so a later one with the same id is another. The ids are those of one process namespace: containers
 * must not share a spool folder (docs/spool.md).
 */
import { readFileSync } from 'node:fs';
import { OperationalError } from '../model/operational-error.ts';
import { type Disk, isFileSystemError, unlinkIfThere } from './disk.ts';

/** How processes are told apart; a parameter, so that a test can be several. */
export interface Processes {
  /** The id of this process. */
  readonly self: number;
  /** Something that no other process has ever had, for a running process; else undefined. */
  identity(processId: number): string | undefined;
}

export const linuxProcesses: Processes = {
  self: process.pid,
  identity(processId) {
    try {
      const stat = readFileSync(`/proc/${processId}/stat`, 'latin1');
      // proc(5): field 22 is the start time; the second field, a name in parentheses, may hold spaces and parentheses.
      const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
      return `${readBootId()} ${started}`;
    } catch {
      return undefined;
    }
  },
};

/**
 * Names the present boot, as /proc/sys/kernel/random/boot_id has it. A sandbox may show processes and nothing else of /proc
 * (systemd's ProcSubset=pid): then it is what the unit says in BOOT_ID (`%b`, without dashes), or not known.
 */
export function readBootId(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    const digits = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/.exec(
      environment['BOOT_ID'] ?? '',
    );
    return digits === null ? UNKNOWN_BOOT : digits.slice(1).join('-');
  }
}

export const UNKNOWN_BOOT = '-';
const LOCK_NAME = 'lock';
/** A stale lock is taken over at most this often before somebody else is assumed to be at it. */
const ATTEMPTS = 3;

/** @throws OperationalError `instance.running`; else what the file system throws. */
export function lockSpool(disk: Disk, folder: string, processes: Processes): void {
  const path = `${folder}/${LOCK_NAME}`;
  const own = `${processes.self} ${processes.identity(processes.self) ?? ''}`;
  let holder = 'another process';
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      disk.symlink(own, path);
      return;
    } catch (error) {
      if (!isFileSystemError(error) || error.code !== 'EEXIST') throw error;
    }
    const found = disk.readlink(path);
    const processId = Number.parseInt(found, 10);
    const identity = processes.identity(processId);
    if (identity !== undefined && isSame(found, `${processId} ${identity}`)) {
      holder = `process ${processId}`;
      break;
    }
    unlinkIfThere(disk, path);
  }
  throw new OperationalError(
    'instance.running',
    `Opening the spool ${folder}: ${holder} uses it already; stop that one, or give this one a folder of its own.`,
  );
}

/** Whether two texts name one process; a boot that is not known may be the same. */
function isSame(left: string, right: string): boolean {
  const [leftId, leftBoot, leftStart] = left.split(' ');
  const [rightId, rightBoot, rightStart] = right.split(' ');
  const sameBoot = leftBoot === rightBoot || leftBoot === UNKNOWN_BOOT || rightBoot === UNKNOWN_BOOT;
  return leftId === rightId && sameBoot && leftStart === rightStart;
}

export function unlockSpool(disk: Disk, folder: string): void {
  unlinkIfThere(disk, `${folder}/${LOCK_NAME}`);
}
