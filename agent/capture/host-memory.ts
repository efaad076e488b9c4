import { totalmem } from 'node:os';
import { defaultRingBytesMax } from './ring-budget.ts';

/** The bound over all packet rings. Node.js knows the limit of its cgroup, of version 1 and 2. */
export function ringBytesMaxOf(configured: number | undefined): number {
  return configured ?? defaultRingBytesMax(totalmem(), process.constrainedMemory());
}
