import type { TrafficType } from '../model/flow-log.ts';
import type { FlowRecord, RecordCursor } from '../model/flow-record.ts';

/** The records of a cursor that a flow log of this traffic type ships; the ledger beside them counts the others too. */
export function ofTrafficType(cursor: RecordCursor, trafficType: TrafficType): RecordCursor {
  if (trafficType === 'ALL') return cursor;
  return {
    next(record) {
      while (cursor.next(record)) {
        if (actionOf(record) === trafficType) return true;
      }
      return false;
    },
  };
}

function actionOf(record: FlowRecord): 'ACCEPT' | 'REJECT' {
  return record.isAnnotated ? record.annotations.action : 'ACCEPT';
}
