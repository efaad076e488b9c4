/** Whose the state directory is. */
import { type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isSharedFolder } from '../capture/output-file.ts';
import { OperationalError } from '../model/operational-error.ts';

/**
 * A folder that waits under a shared one, such as /tmp, may be another user's, who could then put anything in place of what
 * the agent keeps there.
 *
 * @throws OperationalError `spool.unusable`
 */
export function refuseForeignState(path: string): void {
  const found = statusOf(path);
  if (found === undefined || !isSharedFolder(dirname(resolve(path)))) return;
  if (!isForeign(found)) return;
  throw new OperationalError(
    'spool.unusable',
    `Opening the state directory ${path} failed: owned by user ${found.uid}, in a folder that all users share; ` +
      'remove it, or set stateDirectory to a folder that only flowlogd can write, such as /var/lib/flowlogd.',
  );
}

/** Neither this user's nor root's. */
export function isForeign({ uid }: Stats): boolean {
  return uid !== process.geteuid!() && uid !== 0;
}

/** Undefined for what is not there, or cannot be: who opens it says why. */
function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
