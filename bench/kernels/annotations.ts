/** Kernels of what is learnt of a record when its window is closed, and of the rows that say it. */
import { annotateDirection } from '../../agent/annotation/direction.ts';
import { annotateInitiator } from '../../agent/annotation/initiator.ts';
import { annotateRegions, type Region } from '../../agent/annotation/regions.ts';
import { FLOW_LOG_DEFAULTS } from '../../agent/model/flow-log.ts';
import { createFlowRecord } from '../../agent/model/flow-record.ts';
import type { RecordAnnotator } from '../../agent/model/record-annotator.ts';
import { parseNetwork } from '../../agent/packet/address.ts';
import { columnsOf } from '../../agent/record/field-columns.ts';
import { INCIDENT_FIELDS } from '../../agent/record/incident-fields.ts';
import { expandWords } from '../../agent/record/row-formats.ts';
import { TextPrinter } from '../../agent/record/text.ts';
import { annotatedRecords } from '../../agent/threads/annotators.ts';
import { encodeBatches } from '../../agent/wire/flow-batch.ts';
import { FlowBatchReader } from '../../agent/wire/flow-batch-reader.ts';
import type { Kernel, PreparedKernel } from './kernel.ts';
import { closedWindow, headerOf } from './records.ts';

const FLOWS = 100_000;
const REGIONS = 200;
/** Half of each family, together 10 000. */
const NETWORKS_EACH = 50;
const FIELDS = expandWords(['eni', 'dstregionid', ...INCIDENT_FIELDS]);
const POINT = {
  flowLog: { ...FLOW_LOG_DEFAULTS, id: 'fl-bench001', accountId: '-', windowSeconds: 60 },
  interfaceId: 'eni-bench001',
  interfaceName: 'eth0',
};

export const ANNOTATION_KERNELS: readonly Kernel[] = [
  { name: 'annotate/nothing', item: 'record', create: () => annotateKernel() },
  { name: 'annotate/direction', item: 'record', create: () => annotateKernel(annotateDirection(() => INTERFACES)) },
  { name: 'annotate/initiator', item: 'record', create: () => annotateKernel(annotateInitiator(() => 1)) },
  { name: 'annotate/regions', item: 'record', create: () => annotateKernel(annotateRegions(regions())) },
  { name: 'annotated/encode', item: 'record', create: encodeKernel },
  { name: 'annotated/read', item: 'record', create: readKernel },
  { name: 'annotated/text', item: 'record', create: textKernel },
];

/** Of a gateway. */
const INTERFACES = [
  { name: 'lo', addresses: ['127.0.0.1/8', '::1/128'] },
  { name: 'eth0', addresses: ['10.0.0.1/9', '2001:db8::1/64', 'fe80::1/64'] },
  { name: 'eth1', addresses: ['192.168.0.1/20', 'fe80::1/64'] },
];

/** Networks of the clients, so that every lookup goes to the end. */
function regions(): Region[] {
  return Array.from({ length: REGIONS }, (_, region) => ({
    id: `region-${region}`,
    networks: Array.from({ length: NETWORKS_EACH / 2 }, (_network, index) => {
      const number = index * REGIONS + region;
      const [high, low] = [number >>> 8, number & 0xff];
      return [`10.${high}.${low}.0/24`, `2001:db8::${high.toString(16)}:${low.toString(16)}:0/112`];
    })
      .flat()
      .map((text) => parseNetwork(text)!),
  }));
}

function annotateKernel(...annotators: readonly RecordAnnotator[]): PreparedKernel {
  const window = closedWindow(FLOWS);
  const annotated = { point: POINT, windowStart: window.start, records: () => window.records() };
  const record = createFlowRecord();
  return {
    items: window.flows,
    note: 'the walk included',
    run() {
      const cursor = annotatedRecords(annotated, annotators);
      while (cursor.next(record));
    },
  };
}

/** What most annotated records have, known without a search. */
const KNOWN: RecordAnnotator = {
  begin: () => undefined,
  annotate(record) {
    record.isAnnotated = true;
    record.annotations.direction = 'egress';
    record.annotations.initiator = 'source';
    record.annotations.initiatorEvidence = 'syn';
    record.annotations.destinationRegion = 'ap-guangzhou';
    record.annotations.handshakeMicroseconds = record.sourcePort;
  },
};

function knownWindow() {
  const window = closedWindow(FLOWS);
  const annotated = { point: POINT, windowStart: window.start, records: () => window.records() };
  return { window, records: () => annotatedRecords(annotated, [KNOWN]) };
}

function encodeKernel(): PreparedKernel {
  const { window, records } = knownWindow();
  const header = headerOf(window);
  return {
    items: window.flows,
    note: 'the walk included',
    run() {
      encodeBatches({ header, cursor: records(), ledger: window.ledger }, () => undefined);
    },
  };
}

function readKernel(): PreparedKernel {
  const { window, records } = knownWindow();
  const batches: Uint8Array[] = [];
  encodeBatches({ header: headerOf(window), cursor: records(), ledger: window.ledger }, (bytes) =>
    batches.push(bytes.slice()),
  );
  const record = createFlowRecord();
  return {
    items: window.flows,
    run() {
      for (const batch of batches) {
        const reader = new FlowBatchReader(batch);
        while (reader.next(record));
      }
    },
  };
}

function textKernel(): PreparedKernel {
  const { window, records } = knownWindow();
  const printer = new TextPrinter(columnsOf('NETWORKINTERFACE', FIELDS));
  const buffer = new Uint8Array(printer.bytesMax);
  const context = { windowStart: window.start, windowSeconds: 60, interfaceId: POINT.interfaceId };
  const record = createFlowRecord();
  return {
    items: window.flows,
    note: 'the walk included',
    run() {
      printer.begin(context);
      for (const cursor = records(); cursor.next(record); ) printer.print(record, buffer, 0);
    },
  };
}
