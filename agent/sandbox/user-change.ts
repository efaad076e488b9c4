/** Whether root can go on as another user here, and what becomes of its state. */
import { constants, existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OperationalError } from '../model/operational-error.ts';
import { isSystemError } from '../model/system-error.ts';
import { packageRoot, type UserAddon } from '../native/addon.ts';
import { type Account, chooseAccount, ROOT } from './account.ts';
import { handOver, SHARED_MODE, Unsuitable } from './hand-over.ts';

const { R_OK, W_OK, X_OK } = constants;

/** What an agent needs of the file system. */
export interface UserNeeds {
  /** As the configuration names it; undefined: the default. */
  readonly user: string | undefined;
  /** What it writes, the state directory first; made where they are missing. */
  readonly folders: readonly string[];
  /** What it writes for others to read; made where they are missing, with a mode for a group. */
  readonly shared?: readonly string[];
  /** What it reads again on SIGHUP: the configuration, and what that names. */
  readonly files: readonly string[];
  /** Where its control socket is to be, unless that is the state directory. */
  readonly runtimeFolder: string | undefined;
}

export interface UserChange {
  /** Undefined: it stays root. */
  readonly account: Account | undefined;
  /** Why it stays root though the configuration does not say so, a clause; else null. */
  readonly reason: string | null;
  readonly handedOver: number;
}

export const UNCHANGED: UserChange = { account: undefined, reason: null, handedOver: 0 };

/** @throws OperationalError `config.invalid` where the configuration names a user that it cannot be */
export function changeUser(addon: UserAddon, needs: UserNeeds): UserChange {
  if (needs.user === ROOT) return UNCHANGED;
  const account = chooseAccount(addon, needs.user, needs.folders[0]!);
  const reason = obstacle(addon, account, needs);
  if (reason === undefined) return handedOver(account, needs);
  return refused(account, needs, reason);
}

function handedOver(account: Account, needs: UserNeeds): UserChange {
  try {
    const { folders, shared = [] } = needs;
    const changed =
      folders.reduce((sum, folder) => sum + handOver(folder, account), 0) +
      shared.reduce((sum, folder) => sum + handOver(folder, account, SHARED_MODE), 0);
    return { account, reason: null, handedOver: changed };
  } catch (error) {
    if (!(error instanceof Unsuitable) && !isSystemError(error)) throw error;
    return refused(account, needs, error.message);
  }
}

/** Where it was asked for, root is no answer. */
function refused(account: Account, { user }: UserNeeds, reason: string): UserChange {
  if (user === undefined) return { account: undefined, reason, handedOver: 0 };
  throw new OperationalError('config.invalid', `user: cannot run as ${account.label}: ${reason}.`);
}

type Demand = readonly [path: string, mode: number];

/** What the user, without capabilities, cannot reach of what the agent needs. @throws Error with code EPERM */
export function outOfReach(
  addon: UserAddon,
  { uid, gid }: Pick<Account, 'uid' | 'gid'>,
  needs: UserNeeds,
): Demand | undefined {
  const demands = [...programDemands(), ...stateDemands(needs)];
  const paths = demands.map(([path]) => path);
  const modes = demands.map(([, mode]) => mode);
  return demands[addon.firstOutOfReach(uid, gid, paths, modes)];
}

/** The same, a clause; undefined: nothing. */
function obstacle(addon: UserAddon, account: Account, needs: UserNeeds): string | undefined {
  const { label } = account;
  try {
    const found = outOfReach(addon, account, needs);
    return found && `user ${label} cannot ${verb(found[1])} ${found[0]}`;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return `the kernel refuses to change to user ${label}`;
  }
}

/** Itself, because it starts anew. */
function programDemands(): readonly Demand[] {
  const root = packageRoot();
  const program = realpathSync(process.argv[1]!);
  const folders = [dirname(program), join(root, 'node_modules'), join(root, 'agent/native/build/Release')];
  return [
    [process.execPath, X_OK],
    [program, R_OK],
    ...folders.filter((folder) => existsSync(folder)).map((folder): Demand => [folder, R_OK | X_OK]),
  ];
}

function stateDemands({ folders, shared = [], files, runtimeFolder }: UserNeeds): readonly Demand[] {
  return [
    ...files.map((file): Demand => [file, R_OK]),
    ...[...folders, ...shared].map((folder): Demand => [nearestFolder(folder), X_OK]),
    ...(runtimeFolder === undefined ? [] : [[runtimeFolder, W_OK | X_OK] as const]),
  ];
}

/** The one above it that is there; what is missing below it is made. */
function nearestFolder(path: string): string {
  const above = dirname(existsSync(path) ? realpathSync(path) : path);
  return existsSync(above) ? above : nearestFolder(above);
}

function verb(mode: number): string {
  if ((mode & W_OK) !== 0) return 'write to';
  if (mode === X_OK) return 'reach';
  return 'read';
}
