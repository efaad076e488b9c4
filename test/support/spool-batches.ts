/** Small batches that say who they are. */
import type { BatchHeader } from '../../agent/model/batch-id.ts';
import { ROW_DEFAULTS } from '../../agent/model/flow-log.ts';
import { createFlowRecord } from '../../agent/model/flow-record.ts';
import { createLedger } from '../../agent/model/ledger.ts';
import { encodeBatches } from '../../agent/wire/flow-batch.ts';
import { FlowBatchReader } from '../../agent/wire/flow-batch-reader.ts';
import { cursorOver } from './flow-records.ts';

export const BATCH_HEADER = {
  hostId: 'host-1',
  runId: 'run-1',
  flowLogId: 'fl-1',
  interfaceId: 'eni-1',
  accountId: '',
  windowStart: 1_700_000_040,
  windowSeconds: 60,
  ...ROW_DEFAULTS,
};

/** One batch with the number `part` and this many records of one packet each. */
export function batchOf(
  part: number,
  records = 4,
  ledger = createLedger([]),
  names: Partial<BatchHeader> = {},
): Uint8Array {
  const cursor = cursorOver(
    Array.from({ length: records }, (_, i) => ({ ...createFlowRecord(), source0: i, packets: 1, bytes: 60 })),
  );
  let batch = new Uint8Array(0);
  encodeBatches({ header: { ...BATCH_HEADER, ...names }, cursor, ledger, firstPart: part }, (bytes) => {
    batch = bytes.slice();
  });
  return batch;
}

/** `12`, or `12.01` for a piece of it. */
export function identityOf(batch: Uint8Array): string {
  const { part, split } = new FlowBatchReader(batch).header;
  return split === '' ? `${part}` : `${part}.${split}`;
}
