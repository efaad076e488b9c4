import { expect, test } from 'vitest';
import type { ObservationPoint } from '../../../agent/model/flow-log.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import type { AnnotatedWindow, RecordAnnotator } from '../../../agent/model/record-annotator.ts';
import { parseNetwork } from '../../../agent/packet/address.ts';
import { FIELD_NAMES, type RecordField } from '../../../agent/record/catalogue.ts';
import { columnsOf } from '../../../agent/record/field-columns.ts';
import { VALUE_BYTES_MAX } from '../../../agent/record/field-text.ts';
import type { RecordedWindow } from '../../../agent/spool/recorder.ts';
import { annotated, createAnnotators } from '../../../agent/threads/annotators.ts';
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

test('a flow log is annotated with what it records, and with nothing else', () => {
  const annotatorsOf = createAnnotators({
    regions: [{ id: 'ap-guangzhou', networks: [parseNetwork('0.0.0.0/0')!] }],
    interfaces: () => [],
    seed: () => 1,
  });
  const told = (flowLog: Partial<typeof POINT.flowLog>) => {
    const point = { ...POINT, flowLog: { ...POINT.flowLog, ...flowLog } };
    const record = { ...createFlowRecord(), sourcePort: 40_000, destinationPort: 53, protocol: 17 };
    const loaded = createFlowRecord();
    annotated({ ...WINDOW, point, records: () => cursorOver([record]) }, annotatorsOf)
      .records()
      .next(loaded);
    const { sourceRegion, direction, initiatorEvidence } = loaded.annotations;
    return [loaded.isAnnotated, sourceRegion, direction, initiatorEvidence];
  };
  expect(told({})).toEqual([false, '', 'unknown', 'none']);
  expect(told({ resourceType: 'CCN' })).toEqual([true, 'ap-guangzhou', 'unknown', 'none']);
  expect(told({ fields: ['dstregionid'] })).toEqual([true, 'ap-guangzhou', 'unknown', 'none']);
  expect(told({ fields: ['srcaddr', 'handshake-rtt'] })).toEqual([true, '', 'unknown', 'port']);
});

const LEARNT_NAMES = FIELD_NAMES.filter((name) => fieldOf(name).source === 'evidence' && name !== 'reject-rule');

function fieldOf(name: string): RecordField {
  return columnsOf('NAT', [name])![0]!.field;
}

const untranslated: RecordAnnotator = {
  begin: () => undefined,
  annotate(record) {
    record.isAnnotated = true;
    record.annotations.translation = 'same';
  },
};

test.each(LEARNT_NAMES)('a flow log that records %s alone has it', (name) => {
  const annotatorsOf = createAnnotators({
    regions: [{ id: 'ap-guangzhou', networks: [parseNetwork('0.0.0.0/0')!] }],
    interfaces: () => [{ name: POINT.interfaceName, addresses: ['0.0.0.9/32'] }],
    seed: () => 1,
    translations: untranslated,
  });
  const opening = {
    ...createFlowRecord(),
    source0: 9,
    sourcePort: 40_000,
    destinationPort: 80,
    protocol: 6,
    tcpFlags: 0x12,
  };
  const answer = {
    ...opening,
    source0: 0,
    destination0: 9,
    sourcePort: 80,
    destinationPort: 40_000,
    firstMicroseconds: 7,
  };
  const point: ObservationPoint = { ...POINT, flowLog: { ...POINT.flowLog, resourceType: 'NAT', fields: [name] } };
  const record = createFlowRecord();
  annotated({ ...WINDOW, point, records: () => cursorOver([opening, answer]) }, annotatorsOf)
    .records()
    .next(record);
  expect(fieldOf(name).write!(record, 0, new Uint8Array(VALUE_BYTES_MAX), 0)).toBeGreaterThan(0);
});

test('a NAT flow log hears first of its translations, and no other one does', () => {
  const translations: RecordAnnotator = {
    begin: () => undefined,
    annotate({ annotations }) {
      annotations.initiatorEvidence = 'conntrack';
    },
  };
  const annotatorsOf = createAnnotators({ regions: [], interfaces: () => [], seed: () => 1, translations });
  const of = (flowLog: Partial<typeof POINT.flowLog>) =>
    annotatorsOf({ ...POINT, flowLog: { ...POINT.flowLog, ...flowLog } });
  expect(of({ resourceType: 'NAT', fields: ['initiator'] })[0]).toBe(translations);
  expect(of({ fields: ['initiator', 'pkt-srcaddr'] })).not.toContain(translations);
});
