import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { ofTrafficType } from '../../../agent/record/traffic-cursor.ts';
import { cursorOver, flowRecord } from '../../support/flow-records.ts';

const actionOf = (record: FlowRecord) => (record.isAnnotated ? record.annotations.action : 'ACCEPT');

test('records of one action come in their order, and all of them where all are wanted', () => {
  fc.assert(
    fc.property(fc.array(flowRecord), fc.constantFrom('ALL', 'ACCEPT', 'REJECT'), (records, trafficType) => {
      const cursor = ofTrafficType(cursorOver(records), trafficType);
      const found: FlowRecord[] = [];
      for (let record = createFlowRecord(); cursor.next(record); record = createFlowRecord()) found.push(record);
      expect(found).toEqual(records.filter((record) => trafficType === 'ALL' || actionOf(record) === trafficType));
    }),
  );
});
