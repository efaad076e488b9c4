/**
 * Least privilege for an agent that was started with more, by root outside systemd mostly. Capabilities belong to threads, and
 * Node.js has several before the first line of ours runs, so giving them up in one would leave the others. Therefore the
 * process limits its own thread and executes itself: the program starts anew, under the same id, and all of its threads begin
 * with what is left. So it is with the files that Landlock leaves, which is a limit of threads as well, whoever started it, and
 * with the rings of io_uring that libuv makes at a start: the new program makes none.
 *
 * CAP_NET_RAW stays for the whole run: an interface that went away is captured again when it is back. CAP_NET_ADMIN stays where
 * a flow log asks the packet filter: nothing less lets it. A root that stays root keeps what it takes to reach files of other users.
 */
import { readFileSync } from 'node:fs';
import type { FlowLog } from '../model/flow-log.ts';
import { type FilesAddon, loadCaptureAddon, type ProcessAddon, type UserAddon } from '../native/addon.ts';
import { capabilitiesIn } from './capabilities.ts';
import { enteredFileCapabilities, hasEntered, noteEntry } from './entry.ts';
import { fileCapabilities, makeFolder } from './file-capabilities.ts';
import type { FileNeeds } from './file-rights.ts';
import { SHARED_MODE } from './hand-over.ts';
import { limitFiles } from './limit-files.ts';
import { hasRings, refuseRings } from './limit-system-calls.ts';
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

/** What a flow log says of asking the packet filter: for its connections, or for what it rejects. */
type AskingFlowLog = Pick<FlowLog, 'resourceType'> & { readonly rejects?: object | undefined };

/** What an agent with these flow logs cannot do without. */
export function neededCapabilities(flowLogs: readonly AskingFlowLog[]): readonly number[] {
  const asksFilter = flowLogs.some(({ resourceType, rejects }) => resourceType === 'NAT' || rejects !== undefined);
  return asksFilter ? [CAP_NET_RAW, CAP_NET_ADMIN] : [CAP_NET_RAW];
}

/** To be called before anything is open or said: the command line may start again from its beginning. */
export function enterSandbox(flowLogs: readonly AskingFlowLog[], needs: UserNeeds): void {
  const program = { path: process.execPath, words: [process.execPath, ...process.execArgv, ...process.argv.slice(1)] };
  const threadStatus = readFileSync('/proc/thread-self/status', 'latin1');
  const addon = loadCaptureAddon();
  const kept = neededCapabilities(flowLogs);
  if (!hasEntered()) limitThread(addon, kept, threadStatus, needs, program);
  // What it starts is in the same folders.
  const ofFiles = enteredFileCapabilities();
  addon.keepCapabilities([...kept, ...ofFiles], ofFiles);
}

type LimitAddon = UserAddon &
  FilesAddon &
  Pick<ProcessAddon, 'limitCapabilities' | 'passCapabilities' | 'filterSystemCalls' | 'execute'>;

/**
 * Returns where the program need not start anew: then there was nothing that one thread alone can be limited by.
 *
 * @param threadStatus the text of /proc/thread-self/status, see proc(5)
 */
export function limitThread(
  addon: LimitAddon,
  capturing: readonly number[],
  threadStatus: string,
  needs: UserNeeds,
  program: Program,
): void {
  const permitted = capabilitiesIn(threadStatus, 'CapPrm');
  // Without CAP_SETPCAP root would come back with all of it: then what this thread can give up itself must do.
  const canDrop = (permitted & ~maskOf(capturing)) !== 0n && (permitted & maskOf([CAP_SETPCAP])) !== 0n;
  const isRoot = process.geteuid!() === 0;
  const { account, reason, handedOver } = canDrop && isRoot ? changeUser(addon, needs) : UNCHANGED;
  for (const folder of needs.shared ?? []) makeFolder(folder, SHARED_MODE);
  const ofFiles = canDrop && isRoot && account === undefined ? fileCapabilities(addon, needs) : [];
  const kept = [...capturing, ...ofFiles];
  if (canDrop) addon.limitCapabilities(kept, account?.uid ?? -1, account?.gid ?? -1);
  const files = limitFiles(addon, fileNeeds(needs), account?.uid ?? process.geteuid!());
  noteEntry({ userReason: reason, handedOver, files, fileCapabilities: ofFiles });
  if (!canDrop && !files.limited && !hasRings()) return;
  if (!canDrop) addon.passCapabilities(kept);
  refuseRings(addon);
  addon.execute(program.path, program.words);
}

function fileNeeds({ folders, shared = [], files, runtimeFolder }: UserNeeds): FileNeeds {
  return { written: [...folders, ...shared, ...(runtimeFolder === undefined ? [] : [runtimeFolder])], read: files };
}

function maskOf(capabilities: readonly number[]): bigint {
  return capabilities.reduce((mask, number) => mask | (1n << BigInt(number)), 0n);
}
