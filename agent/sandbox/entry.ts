/**
 * What the process decided about itself before it executed itself, for the program that it then is: a variable of the environment
 * that holds for this process id alone, so what it starts is not taken in by it.
 */
import type { FilesLimit } from '../model/sandbox.ts';

const VARIABLE = '_FLOWLOGD_ENTRY';

export interface Entry {
  /** Why the agent is still root, a clause, or null. */
  readonly userReason: string | null;
  /** Files of root's that it handed over to its user. */
  readonly handedOver: number;
  readonly files: FilesLimit;
  /** By which root reaches what it needs. */
  readonly fileCapabilities: readonly number[];
}

const NONE: Entry = {
  userReason: null,
  handedOver: 0,
  files: { limited: false, landlock: 0, reason: 'only run limits them' },
  fileCapabilities: [],
};

export function noteEntry(entry: Entry): void {
  process.env[VARIABLE] = JSON.stringify({ ...entry, pid: process.pid });
}

export function hasEntered(): boolean {
  return noted()?.pid === process.pid;
}

export function enteredFileCapabilities(): readonly number[] {
  return noted()?.fileCapabilities ?? [];
}

/** Once: what it starts later finds nothing. */
export function takeEntry(): Entry {
  const entry = hasEntered() ? noted()! : NONE;
  delete process.env[VARIABLE];
  return entry;
}

function noted(): (Entry & { readonly pid: number }) | undefined {
  try {
    return JSON.parse(process.env[VARIABLE] ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}
