import { createCapEngine } from '../../agent/capture/cap/cap.ts';

/** Why the engine `cap` cannot be used here: the package is optional, and its build is good for one major version of Node.js only. */
export function missingCap(): string | undefined {
  try {
    createCapEngine();
    return undefined;
  } catch (error) {
    return `skipped: ${(error as Error).message}`;
  }
}
