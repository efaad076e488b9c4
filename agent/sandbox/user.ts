/** Who the process is. */
import { userInfo } from 'node:os';
import type { SandboxUser } from '../model/sandbox.ts';
import { isSystemError } from '../model/system-error.ts';

export function presentUser(): SandboxUser {
  return { uid: process.geteuid!(), name: presentName() };
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
