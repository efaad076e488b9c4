/** The filter of system calls, put on this process. */
import type { SystemCallsLimit } from '../model/sandbox.ts';
import { isSystemError } from '../model/system-error.ts';
import type { ProcessAddon } from '../native/addon.ts';
import { filterProgram, hasFilter } from './filter-program.ts';
import { refusals } from './system-calls.ts';

/**
 * Puts it on all threads, and on all that the process starts, for good.
 *
 * @param programs whether it will start other programs
 */
export function limitSystemCalls(addon: Pick<ProcessAddon, 'filterSystemCalls'>, programs: boolean): SystemCallsLimit {
  const { arch, pid } = process;
  if (!hasFilter(arch)) return unlimited(`not available on ${arch}`);
  try {
    addon.filterSystemCalls(filterProgram(refusals(pid, programs), arch));
    return { limited: true, programs, reason: null };
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return unlimited(reasonOf(error));
  }
}

/** Why they are not. */
export function unlimited(reason: string): SystemCallsLimit {
  return { limited: false, programs: true, reason };
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  return code === 'EINVAL' || code === 'ENOSYS' ? 'the kernel has no filters of system calls' : message;
}
