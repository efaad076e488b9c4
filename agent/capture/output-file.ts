/**
 * Opens a file that a command is to write. In a folder where everybody may make files, such as /tmp, another user may
 * have put something under that name: a link to a file of ours, to have it overwritten, or a file of theirs, to read what comes.
 * Linux refuses both where fs.protected_symlinks and fs.protected_regular say so; here they are refused wherever it runs.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Sticky, and open to all. */
const SHARED = 0o1002;

/** Whether everybody may make files in this folder, and remove only their own. */
export function isSharedFolder(path: string): boolean {
  const folder = statSync(path, { throwIfNoEntry: false });
  return folder !== undefined && (folder.mode & SHARED) === SHARED;
}

/** Opens it and empties it. @throws what `node:fs` throws, and an Error about a file of another user */
export function openOutputFile(path: string, mode: number): number {
  const file = openUnemptied(path, mode);
  emptyFile(file);
  return file;
}

/** What is in it stays for now. @throws as openOutputFile */
export function openUnemptied(path: string, mode: number): number {
  const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  if (!isSharedFolder(dirname(path))) return openSync(path, O_WRONLY | O_CREAT, mode);
  const file = openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode);
  const found = fstatSync(file);
  if (!found.isFile() || found.uid !== process.geteuid!()) {
    closeSync(file);
    throw new Error(`it is there already and not a file of yours, in a folder that all users share: ${path}`);
  }
  return file;
}

/** Pipes and devices have nothing to empty. */
export function emptyFile(file: number): void {
  if (fstatSync(file).isFile()) ftruncateSync(file);
}
