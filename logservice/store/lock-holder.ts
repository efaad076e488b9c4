import { readFileSync, statSync } from 'node:fs';

/**
 * The process that has a file of a database locked, of those that this one can see; undefined where none has. A service that runs holds a
 * lock for reading, which would let others read what it changes. Processes that only search, of a stopped store, are not meant.
 */
export function serviceOn(path: string): number | undefined {
  const inode = statSync(path).ino;
  const holders = readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .map((line) => /^\d+: POSIX +ADVISORY +(?:READ|WRITE) (\d+) [\da-f]+:[\da-f]+:(\d+) /.exec(line))
    .filter((match) => Number(match?.[2]) === inode)
    .map((match) => Number(match?.[1]));
  return holders.find((pid) => pid !== process.pid && !isSearch(pid));
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
