/**
 * A file that one process at a time holds, by flock(2): the kernel decides in one step, sees through process namespaces and
 * containers because the lock is the file's, and drops it when the process dies, however it dies. On NFS the server keeps it.
 * So the file is never removed, and whether a holder still lives is never judged. Its content is for people.
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { isSystemError } from '../model/system-error.ts';
import { utcText } from '../model/utc-text.ts';

/** flock(2) of the addon: false where another has the lock. */
export type Flock = (fileDescriptor: number) => boolean;

export interface HeldLock {
  readonly kind: 'held';
  /** Whether the file is still the one of that path: what was deleted or replaced keeps nobody out. */
  readonly isInPlace: boolean;
  release(): void;
}

export type LockAttempt = HeldLock | { readonly kind: 'taken'; readonly holder: string };

/** The text keeps its length, so that it can be replaced on a full disk, too. */
const HOLDER_BYTES = 160;
const ATTEMPTS = 10;
const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;

/** @throws what the file system throws */
export function takeLock(path: string, flock: Flock): LockAttempt {
  for (let attempt = 1; ; attempt++) {
    const file = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    const taken = tryLock(file, path, flock);
    // Deleted between the two: the lock of that file keeps nobody out.
    if (taken.kind === 'taken' || taken.isInPlace || attempt === ATTEMPTS) return taken;
    taken.release();
  }
}

function tryLock(file: number, path: string, flock: Flock): LockAttempt {
  try {
    if (!flock(file)) {
      const holder = readHolder(file);
      closeSync(file);
      return { kind: 'taken', holder };
    }
  } catch (error) {
    closeSync(file);
    throw error;
  }
  writeHolder(file);
  return {
    kind: 'held',
    get isInPlace() {
      return isSameFile(file, path);
    },
    release: () => closeSync(file),
  };
}

function isSameFile(file: number, path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  const own = fstatSync(file);
  return found !== undefined && found.dev === own.dev && found.ino === own.ino;
}

/** `process 812 on web-1 since 2024-05-01 12:05:00Z`; the number is that of the process's own namespace. */
function writeHolder(file: number): void {
  const text = `process ${process.pid} on ${hostname()} since ${utcText(Math.floor(Date.now() / 1000))}`;
  try {
    writeSync(file, `${text.slice(0, HOLDER_BYTES - 1).padEnd(HOLDER_BYTES - 1)}\n`, 0);
  } catch (error) {
    // The lock holds on a disk that is full, too; whoever is refused then does not learn by whom.
    if (!isSystemError(error)) throw error;
  }
}

function readHolder(file: number): string {
  const bytes = Buffer.alloc(HOLDER_BYTES);
  const text = bytes.toString('utf8', 0, readSync(file, bytes, 0, HOLDER_BYTES, 0)).trim();
  return /^process \d+ on [\w.-]+ since [\d: Z-]+$/.test(text) ? text : 'another process';
}
