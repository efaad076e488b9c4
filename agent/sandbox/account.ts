/**
 * The user that an agent becomes which root has started: the one that the configuration names, else the owner of the state when it
 * is a number without a name, else `flowlogd`, which the Debian package makes, else a number that is free.
 */
import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { OperationalError } from '../model/operational-error.ts';
import type { UserAddon } from '../native/addon.ts';

export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** As people know it: a name, or the number. */
  readonly label: string;
}

/** What `user:` says for no change. */
export const ROOT = 'root';
export const DEFAULT_USER = 'flowlogd';
/** Numbers that systemd's table of them (systemd.io/UIDS-GIDS) leaves to nobody; behind them begin those of its DynamicUser=. */
const FREE_MIN = 60_706;
const FREE_MAX = 61_183;
const DYNAMIC_MAX = 65_519;

type Lookup = Pick<UserAddon, 'userNamed' | 'isIdTaken'>;

/** @throws OperationalError `config.invalid` for a name that this host does not know */
export function chooseAccount(addon: Lookup, wanted: string | undefined, stateFolder: string): Account {
  if (wanted !== undefined) return named(addon, wanted) ?? refuseUnknown(wanted);
  return ownerOf(addon, stateFolder) ?? named(addon, DEFAULT_USER) ?? free(addon, stateFolder);
}

function named(addon: Lookup, name: string): Account | undefined {
  const found = addon.userNamed(name);
  return found && { ...found, label: name };
}

function refuseUnknown(name: string): never {
  throw new OperationalError(
    'config.invalid',
    `user: unknown user '${name}'; create it (useradd --system ${name}), or name another.`,
  );
}

/** Of an earlier run, or of a service with DynamicUser=. */
function ownerOf(addon: Lookup, folder: string): Account | undefined {
  const status = lstatSync(folder, { throwIfNoEntry: false });
  if (status === undefined || status.uid < FREE_MIN || status.uid > DYNAMIC_MAX) return undefined;
  // Another service may have the number by now.
  if (status.gid === 0 || addon.isIdTaken(status.uid)) return undefined;
  return { uid: status.uid, gid: status.gid, label: String(status.uid) };
}

/** The same for the same state, where nobody has taken it since. */
function free(addon: Lookup, stateFolder: string): Account {
  const count = FREE_MAX - FREE_MIN + 1;
  const first = createHash('sha256').update(stateFolder).digest().readUInt32BE() % count;
  for (let tried = 0; tried < count; tried++) {
    const id = FREE_MIN + ((first + tried) % count);
    if (!addon.isIdTaken(id)) return { uid: id, gid: id, label: String(id) };
  }
  throw new OperationalError('config.invalid', 'user: no free user number on this host; name a user.');
}
