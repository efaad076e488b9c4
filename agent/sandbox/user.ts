/** Who the process is. */
import { userInfo } from 'node:os';
import type { SandboxUser } from '../model/sandbox.ts';
import { isSystemError } from '../model/system-error.ts';
import type { Entry } from './entry.ts';

export function presentUser({ userReason, handedOver }: Entry): SandboxUser {
  return { uid: process.geteuid!(), name: presentName(), reason: userReason, handedOver };
}

/** A number of a container, or of systemd, need not have one. */
function presentName(): string | null {
  try {
    return userInfo().username;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return null;
  }
}
