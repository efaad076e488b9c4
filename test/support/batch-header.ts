import type { BatchHeader, WindowHeader } from '../../agent/model/batch-id.ts';
import { ROW_DEFAULTS } from '../../agent/model/flow-log.ts';

/** Of a window that ended long ago. */
export const WINDOW_HEADER: WindowHeader = {
  hostId: 'host-1',
  runId: 'run-1',
  flowLogId: 'fl-1',
  interfaceId: 'eni-1',
  accountId: '1251762227',
  windowStart: 1_700_000_040,
  windowSeconds: 60,
  ...ROW_DEFAULTS,
};

/** Of its first batch, as it was recorded. */
export const BATCH_HEADER: BatchHeader = { ...WINDOW_HEADER, part: 0, split: '' };
