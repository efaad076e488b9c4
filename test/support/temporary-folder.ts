import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder that goes with the present test, also where a child of a killed agent still makes its last file in it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'flowlogd-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));
  return folder;
}
