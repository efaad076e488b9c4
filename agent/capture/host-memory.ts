import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { cgroupMemoryLimit } from './cgroup-memory.ts';
import { defaultRingBytesMax } from './ring-budget.ts';

/** The limit over all packet rings. */
export function ringBytesMaxOf(configured: number | undefined): number {
  return configured ?? defaultRingBytesMax(totalmem(), cgroupMemoryLimit(readText));
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
