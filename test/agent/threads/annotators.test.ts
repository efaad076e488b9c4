import { expect, test } from 'vitest';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import type { AnnotatedWindow, RecordAnnotator } from '../../../agent/model/record-annotator.ts';
import type { RecordedWindow } from '../../../agent/spool/recorder.ts';
import { annotated } from '../../../agent/threads/annotators.ts';
import { POINT } from '../../support/closed-windows.ts';
import { cursorOver } from '../../support/flow-records.ts';
import { BATCH_HEADER } from '../../support/spool-batches.ts';

const RECORDS = [53, 443].map((destinationPort) => ({ ...createFlowRecord(), destinationPort }));

const WINDOW: RecordedWindow = {
  point: POINT,
  header: BATCH_HEADER,
  firstPart: 0,
  ledger: createLedger([]),
  heldBytes: 0,
  records: () => cursorOver(RECORDS),
  forget: () => undefined,
  release: () => undefined,
};

/** Says how many records the window has, as the rule of each record to port 443. */
function counting(): RecordAnnotator {
  let records = 0;
  return {
    begin(window: AnnotatedWindow) {
      records = 0;
      const cursor = window.records();
      for (const record = createFlowRecord(); cursor.next(record); ) records++;
    },
    annotate(record: FlowRecord) {
      if (record.destinationPort !== 443) return;
      record.isAnnotated = true;
      record.annotations.rejectRule = String(records);
    },
  };
}

function rules(window: RecordedWindow): (string | undefined)[] {
  const cursor = window.records();
  const found: (string | undefined)[] = [];
  for (let record = createFlowRecord(); cursor.next(record); record = createFlowRecord()) {
    found.push(record.isAnnotated ? record.annotations.rejectRule : undefined);
  }
  return found;
}

test('each writing of a window annotates all of its records, seen as a whole before', () => {
  const window = annotated(WINDOW, () => [counting()]);
  expect(rules(window)).toEqual([undefined, '2']);
  expect(rules(window)).toEqual([undefined, '2']);
});

test('a window that nobody annotates stays as it is', () => {
  expect(annotated(WINDOW, () => [])).toBe(WINDOW);
});
