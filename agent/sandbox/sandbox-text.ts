/** What is left to the process, in one line: `user flowlogd, CAP_NET_RAW, files limited (Landlock 7), system calls limited`. */
import type { FilesLimit, Sandbox, SystemCallsLimit } from '../model/sandbox.ts';

/** More of them are no list that anybody reads: root with all it has. */
const NAMED_MAX = 4;

export function sandboxText({ user, capabilities, files, systemCalls }: Sandbox): string {
  const who = `user ${user.name ?? user.uid}`;
  return [who, capabilitiesText(capabilities), filesText(files), systemCallsText(systemCalls)].join(', ');
}

function filesText({ limited: isLimited, landlock, reason }: FilesLimit): string {
  return isLimited ? `files limited (Landlock ${landlock})` : `files not limited (${reason})`;
}

function capabilitiesText(names: readonly string[]): string {
  if (names.length === 0) return 'no capabilities';
  return names.length > NAMED_MAX ? `${names.length} capabilities` : names.join(' ');
}

function systemCallsText({ limited: isLimited, programs: mayStart, reason }: SystemCallsLimit): string {
  if (!isLimited) return `system calls not limited (${reason})`;
  return mayStart ? 'system calls limited, the embedded log service may be started' : 'system calls limited';
}
