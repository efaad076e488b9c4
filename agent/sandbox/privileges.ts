/**
 * Least privilege for an agent that was started with more, by root outside systemd mostly. Capabilities belong to threads, and
 * Node.js has several before the first line of ours runs, so giving them up in one would leave the others. Therefore the
 * process limits its own thread and executes itself: the program starts anew, under the same id, and all of its threads begin
 * with what is left. What systemd or a container limits already starts as it is.
 *
 * CAP_NET_RAW stays for the whole run: an interface that went away is captured again when it is back. CAP_NET_ADMIN stays where
 * a flow log asks the packet filter: nothing less lets it.
 */
import { readFileSync } from 'node:fs';
import type { FlowLog } from '../model/flow-log.ts';
import { loadCaptureAddon, type ProcessAddon } from '../native/addon.ts';
import type { Account } from './account.ts';
import { capabilitiesIn } from './capabilities.ts';
import { noteEntry } from './entry.ts';
import { changeUser, UNCHANGED, type UserNeeds } from './user-change.ts';

/** linux/capability.h. */
export const CAP_SETPCAP = 8;
export const CAP_NET_ADMIN = 12;
export const CAP_NET_RAW = 13;

/** A program to be executed, with its name as the first word. */
export interface Program {
  readonly path: string;
  readonly words: readonly string[];
}

type LimitAddon = Pick<ProcessAddon, 'limitCapabilities' | 'keepCapabilities' | 'execute'>;

/**
 * @param threadStatus the text of /proc/thread-self/status, see proc(5)
 * @param enter asked before the program starts anew: which user it is to be then, undefined for the same
 */
export function dropPrivileges(
  addon: LimitAddon,
  kept: readonly number[],
  threadStatus: string,
  program: Program,
  enter: () => Pick<Account, 'uid' | 'gid'> | undefined = () => undefined,
): void {
  const permitted = capabilitiesIn(threadStatus, 'CapPrm');
  const needless = permitted & ~maskOf(kept);
  // Without CAP_SETPCAP root would come back with all of it: then what this thread can give up itself must do.
  if (needless !== 0n && (permitted & maskOf([CAP_SETPCAP])) !== 0n) {
    const { uid, gid } = enter() ?? { uid: -1, gid: -1 };
    addon.limitCapabilities(kept, uid, gid);
    addon.execute(program.path, program.words);
  }
  addon.keepCapabilities(kept);
}

/** What a flow log says of asking the packet filter: for its connections, or for what it rejects. */
type AskingFlowLog = Pick<FlowLog, 'resourceType'> & { readonly rejects?: object | undefined };

/** What an agent with these flow logs cannot do without. */
export function neededCapabilities(flowLogs: readonly AskingFlowLog[]): readonly number[] {
  const asksFilter = flowLogs.some(({ resourceType, rejects }) => resourceType === 'NAT' || rejects !== undefined);
  return asksFilter ? [CAP_NET_RAW, CAP_NET_ADMIN] : [CAP_NET_RAW];
}

/** To be called before anything is open or said: the command line may start again from its beginning. */
export function keepNeededCapabilities(flowLogs: readonly AskingFlowLog[], needs: UserNeeds): void {
  const program = { path: process.execPath, words: [process.execPath, ...process.execArgv, ...process.argv.slice(1)] };
  const threadStatus = readFileSync('/proc/thread-self/status', 'latin1');
  const addon = loadCaptureAddon();
  dropPrivileges(addon, neededCapabilities(flowLogs), threadStatus, program, () => {
    const { account, reason, handedOver } = process.geteuid!() === 0 ? changeUser(addon, needs) : UNCHANGED;
    noteEntry({ userReason: reason, handedOver });
    return account;
  });
}

function maskOf(capabilities: readonly number[]): bigint {
  return capabilities.reduce((mask, number) => mask | (1n << BigInt(number)), 0n);
}
