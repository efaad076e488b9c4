/** Records of one window after the other, as uploads of the agent have them. */
import { LogGroupEncoder } from '../agent/export/cls/log-group.ts';
import type { Window } from '../agent/flow/window.ts';
import { encodeBatches } from '../agent/wire/flow-batch.ts';
import { headerOf } from './kernels/records.ts';

/** As the agent cuts its batches. */
export const RECORDS_PER_UPLOAD = 8192;

/** The window `number` minutes later: its batches are others, or all but the first would be duplicates. */
export function uploadsOf(window: Window, number: number): readonly Uint8Array[] {
  const encoder = new LogGroupEncoder({ ledgerLog: true });
  const header = { ...headerOf(window), windowStart: window.start + 60 * number };
  const uploads: Uint8Array[] = [];
  const batches = { header, cursor: window.records(), ledger: window.ledger, recordsMax: RECORDS_PER_UPLOAD };
  encodeBatches(batches, (batch) => {
    const result = encoder.encode(batch);
    if (result.kind === 'encoded') uploads.push(result.bytes.slice());
  });
  return uploads;
}
