import { createHash } from 'node:crypto';
import type { BatchId } from '../model/batch-id.ts';

/**
 * The `contextFlow` of a batch: `<context, 64 bits in hex>-<package in hex>`, shown by the log service as `PkgId`.
 *
 * It depends on the batch's identity alone, so it is the same at every attempt, after every restart and in every version:
 * a reader that has seen a `PkgId` has seen the batch. The context names one window of one observation point in one run
 * of the agent (and the cuts, if a sink made any); the package is the part, so parts of a window stand under one context.
 * 64 bits are enough: among ten million windows the chance that any two share a context is one in 300,000.
 */
export function contextFlow(id: BatchId): string {
  // JSON, because identifiers are the user's and may hold any separator.
  const identity = JSON.stringify([id.hostId, id.runId, id.flowLogId, id.interfaceId, id.windowStart, id.split]);
  const context = createHash('sha256').update(identity).digest('hex').slice(0, 16);
  return `${context}-${id.part.toString(16)}`.toUpperCase();
}
