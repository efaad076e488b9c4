import { expect, test } from 'vitest';
import { createAnnotations } from '../../../agent/model/annotations.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import type { RecordAnnotator } from '../../../agent/model/record-annotator.ts';
import { AnnotatedCursor } from '../../../agent/record/annotated-cursor.ts';

test('a record never has what was known of the record before', () => {
  const seen: FlowRecord[] = [];
  const onlyFirst: RecordAnnotator = {
    begin: () => undefined,
    annotate(record) {
      seen.push({ ...record, annotations: { ...record.annotations } });
      record.isAnnotated = true;
      record.annotations.initiator = 'source';
    },
  };
  const cursor = {
    left: 2,
    next(record: FlowRecord) {
      record.isAnnotated = false;
      return this.left-- > 0;
    },
  };
  const annotated = new AnnotatedCursor(cursor, [onlyFirst]);
  const record = createFlowRecord();
  while (annotated.next(record));
  expect(seen.map(({ annotations }) => annotations)).toEqual([createAnnotations(), createAnnotations()]);
});
