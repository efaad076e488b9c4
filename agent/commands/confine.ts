/** The process limited to what a capture takes, and what is left to it. */
import { readFileSync } from 'node:fs';
import { OperationalError } from '../model/operational-error.ts';
import type { Sandbox, SystemCallsLimit } from '../model/sandbox.ts';
import { captureAddonIfBuilt, loadCaptureAddon } from '../native/addon.ts';
import { capabilitiesIn, capabilityNames } from '../sandbox/capabilities.ts';
import { takeEntry } from '../sandbox/entry.ts';
import { limitFiles } from '../sandbox/limit-files.ts';
import { limitSystemCalls, unlimited } from '../sandbox/limit-system-calls.ts';
import { presentUser } from '../sandbox/user.ts';

export function confine(programs: boolean): Sandbox {
  const systemCalls = limit(programs);
  const effective = capabilitiesIn(readFileSync('/proc/thread-self/status', 'latin1'), 'CapEff');
  const entry = takeEntry();
  return { user: presentUser(entry), capabilities: capabilityNames(effective), files: entry.files, systemCalls };
}

/** For a run that writes nothing but what is open, in all of its threads. */
export function limitOpenedFiles(opened: readonly string[]): void {
  const addon = captureAddonIfBuilt();
  if (addon !== undefined) limitFiles(addon, { written: [], read: [], opened }, process.geteuid!(), true);
}

/** A replay may do without the addon. */
function limit(programs: boolean): SystemCallsLimit {
  try {
    return limitSystemCalls(loadCaptureAddon(), programs);
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return unlimited(error.message);
  }
}
