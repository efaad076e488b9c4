/** The filter of system calls, put on this process. */
import { readdirSync, readlinkSync } from 'node:fs';
import type { SystemCallsLimit } from '../model/sandbox.ts';
import { isSystemError } from '../model/system-error.ts';
import type { ProcessAddon } from '../native/addon.ts';
import { filterProgram, hasFilter } from './filter-program.ts';
import { MAKES_NO_RING, refusals } from './system-calls.ts';

type FilterAddon = Pick<ProcessAddon, 'filterSystemCalls'>;

/**
 * Puts it on all threads, and on all that the process starts, for good.
 *
 * @param programs whether it will start other programs
 */
export function limitSystemCalls(addon: FilterAddon, programs: boolean): SystemCallsLimit {
  const { arch, pid } = process;
  if (!hasFilter(arch)) return unlimited(`not available on ${arch}`);
  try {
    addon.filterSystemCalls(filterProgram(refusals({ pid, startsPrograms: programs, hasRings: hasRings() }), arch));
    return { limited: true, programs, reason: null };
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return unlimited(reasonOf(error));
  }
}

/** The program that this thread executes makes none. Where it cannot be so, those that it makes stay in use. */
export function refuseRings(addon: FilterAddon): void {
  if (!hasFilter(process.arch)) return;
  try {
    addon.filterSystemCalls(filterProgram(MAKES_NO_RING, process.arch));
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}

/** Whether a thread of this process has a ring of io_uring; unknown is yes. */
export function hasRings(): boolean {
  try {
    return readdirSync('/proc/self/fd').some((fd) => targetOf(fd) === 'anon_inode:[io_uring]');
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return true;
  }
}

/** Undefined for what was closed meanwhile. */
function targetOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return undefined;
  }
}

/** Why they are not. */
export function unlimited(reason: string): SystemCallsLimit {
  return { limited: false, programs: true, reason };
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  return code === 'EINVAL' || code === 'ENOSYS' ? 'the kernel has no filters of system calls' : message;
}
