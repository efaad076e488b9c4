import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * The process that has a file of a database locked, of those that this one can see; undefined where none has. A service that runs holds a
 * lock for reading, which would let others read what it changes. Processes that only search, of a stopped store, are not meant.
 */
export function serviceOn(path: string): number | undefined {
  const inode = statSync(path).ino;
  const device = deviceOf(dirname(path));
  const holders = readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .map((line) => /^\d+: POSIX +ADVISORY +(?:READ|WRITE) (\d+) ([\da-f]+:[\da-f]+):(\d+) /.exec(line))
    .filter((match) => Number(match?.[3]) === inode && (device === undefined || match?.[2] === device))
    .map((match) => Number(match?.[1]));
  return holders.find((pid) => pid !== process.pid && !isSearch(pid));
}

/**
 * Of the file system that a folder is of, as the kernel writes it for locks: stat(2) says another one on btrfs. Undefined where that
 * cannot be known, so that a lock is rather seen than not.
 */
function deviceOf(folder: string): string | undefined {
  const descriptor = openSync(folder, 'r');
  try {
    const mount = /^mnt_id:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1];
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    const [, major, minor] = new RegExp(`^${mount} \\d+ (\\d+):(\\d+) `, 'm').exec(mounts) ?? [];
    if (major === undefined || minor === undefined) return undefined;
    return `${hex(major)}:${hex(minor)}`;
  } catch {
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

function hex(decimal: string): string {
  return Number(decimal).toString(16).padStart(2, '0');
}

function isSearch(pid: number): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words.includes('--search') || words.some((word) => word.endsWith('search-worker.js'));
  } catch {
    // It has ended.
    return true;
  }
}
