/**
 * The capabilities by which a root that stays root reaches the files of other users, as in `sudo npm start` in the clone of its user:
 * without them root is a user like any other. Where Landlock holds they reach no further than it.
 */
import { chmodSync, type Dirent, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError } from '../model/system-error.ts';
import type { UserAddon } from '../native/addon.ts';
import { outOfReach, type UserNeeds } from './user-change.ts';

/** linux/capability.h. */
export const CAP_DAC_OVERRIDE = 1;
export const CAP_DAC_READ_SEARCH = 2;

const ROOT_ACCOUNT = { uid: 0, gid: 0 };

/** To be asked while root can do all: it makes the folders that are missing, so that they are its own. */
export function fileCapabilities(addon: UserAddon, needs: UserNeeds): readonly number[] {
  const { folders, shared = [], runtimeFolder } = needs;
  const written = [...folders, ...shared, ...(runtimeFolder === undefined ? [] : [runtimeFolder])];
  for (const folder of written) makeFolder(folder);
  return [
    ...(canRead(addon, needs) ? [] : [CAP_DAC_READ_SEARCH]),
    ...(written.every(isOwned) ? [] : [CAP_DAC_OVERRIDE]),
  ];
}

/** What cannot be made the agent itself says, where it misses it. */
export function makeFolder(folder: string, mode = 0o700): void {
  try {
    if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) chmodSync(folder, mode);
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}

function canRead(addon: UserAddon, needs: UserNeeds): boolean {
  try {
    return outOfReach(addon, ROOT_ACCOUNT, needs) === undefined;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return false;
  }
}

/** With what is in it; the state of one user is made in one folder of that user. */
function isOwned(folder: string): boolean {
  return [folder, ...entries(folder).map(({ name }) => join(folder, name))].every((path) => ownerOf(path) === 0);
}

/** Root's where there is none: what cannot be made the agent itself says. */
function ownerOf(path: string): number {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.uid ?? 0;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return 0;
  }
}

function entries(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return [];
  }
}
