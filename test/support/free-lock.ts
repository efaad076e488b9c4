import type { HeldLock } from '../../agent/spool/lock-file.ts';

/** For a spool that no other process could have: on a disk in memory, or after a kill. */
export function freeLock(): HeldLock {
  return { kind: 'held', isInPlace: true, release: () => undefined };
}
