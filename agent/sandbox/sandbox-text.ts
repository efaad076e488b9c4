/** What is left to the process, in one line: `user flowlogd, CAP_NET_RAW, system calls limited`. */
import type { Sandbox, SystemCallsLimit } from '../model/sandbox.ts';

/** More of them are no list that anybody reads: root with all it has. */
const NAMED_MAX = 4;

export function sandboxText({ user, capabilities, systemCalls }: Sandbox): string {
  return [`user ${user.name ?? user.uid}`, capabilitiesText(capabilities), systemCallsText(systemCalls)].join(', ');
}

function capabilitiesText(names: readonly string[]): string {
  if (names.length === 0) return 'no capabilities';
  return names.length > NAMED_MAX ? `${names.length} capabilities` : names.join(' ');
}

function systemCallsText({ limited: isLimited, programs: mayStart, reason }: SystemCallsLimit): string {
  if (!isLimited) return `system calls not limited (${reason})`;
  return mayStart ? 'system calls limited, the embedded log service may be started' : 'system calls limited';
}
