/**
 * The state that an earlier flowlogd made as root, handed over to the user that the agent becomes. Root changes the owner of what it
 * finds, so it must find nothing that another user put there: the folder is root's, only root could write it, and it holds what
 * flowlogd makes and nothing else. Its own owner changes last, so a hand-over that was cut short is begun again.
 */
import {
  chmodSync,
  type Dirent,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  type Stats,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Account } from './account.ts';

/** What flowlogd makes in a state directory, and in one of tables. */
const OWN_NAMES = /^(?:spool|tables|logservice|control\.sock|flow-logs\.json.*|[0-9a-f]+-[0-9a-f]+)$/;
/** And in the folder of a sink: files of records, and what it needs to know of them. */
const SHARED_NAMES = /^(?:\.flowlogd\.\w+(?:\.new)?|\d{8}T\d{6}Z_.*)$/;
/** Of a file system's own; it stays root's. */
const FOREIGN_NAMES = new Set(['lost+found']);
const WRITABLE_BY_OTHERS = 0o022;
const OWN_MODE = 0o700;
/** Of a folder with files that a group may read. */
export const SHARED_MODE = 0o750;

/** Why a folder cannot be handed over, a clause. */
export class Unsuitable extends Error {}

/** Answers how many files and folders changed their owner. @throws Unsuitable, and what the file system throws */
export function handOver(path: string, account: Account, mode = OWN_MODE): number {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) make(path, mode);
  const folder = realpathSync(path);
  const status = lstatSync(folder);
  if (status.uid === account.uid) return 0;
  refuseUnsuitable(folder, status, mode === SHARED_MODE ? SHARED_NAMES : OWN_NAMES);
  const changed = readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !FOREIGN_NAMES.has(name))
    .reduce((sum, entry) => sum + handOverEntry(folder, entry, status.dev, account), 0);
  lchownSync(folder, account.uid, account.gid);
  return changed + 1;
}

function make(folder: string, mode: number): void {
  mkdirSync(dirname(folder), { recursive: true });
  mkdirSync(folder);
  chmodSync(folder, mode);
}

function refuseUnsuitable(folder: string, { uid, mode }: Stats, own: RegExp): void {
  if (uid !== 0) throw new Unsuitable(`${folder} belongs to the user with the number ${uid}`);
  if ((mode & WRITABLE_BY_OTHERS) !== 0) throw new Unsuitable(`${folder} can be written by others than root`);
  const foreign = readdirSync(folder).find((name) => !own.test(name) && !FOREIGN_NAMES.has(name));
  if (foreign !== undefined) throw new Unsuitable(`${folder} holds ${foreign}, which is not of flowlogd`);
}

/** What is in a folder before the folder; links are not followed, and other file systems left alone. */
function handOverEntry(folder: string, entry: Dirent, device: number, account: Account): number {
  const path = join(folder, entry.name);
  const { uid, dev } = lstatSync(path);
  if (uid !== 0 || dev !== device) return 0;
  const inside = entry.isDirectory() ? readdirSync(path, { withFileTypes: true }) : [];
  const changed = inside.reduce((sum, each) => sum + handOverEntry(path, each, device, account), 0);
  lchownSync(path, account.uid, account.gid);
  return changed + 1;
}
