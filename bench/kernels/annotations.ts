/** Kernels of what is learnt of a record when its window is closed, and of the rows that say it. */
import { networkInterfaces } from 'node:os';
import { annotateDirection } from '../../agent/annotation/direction.ts';
import { annotateInitiator } from '../../agent/annotation/initiator.ts';
import { annotateRegions } from '../../agent/annotation/regions.ts';
import { FLOW_LOG_DEFAULTS } from '../../agent/model/flow-log.ts';
import { createFlowRecord } from '../../agent/model/flow-record.ts';
import type { RecordAnnotator } from '../../agent/model/record-annotator.ts';
import { parseNetwork } from '../../agent/packet/address.ts';
import { annotatedRecords } from '../../agent/threads/annotators.ts';
import type { Kernel, PreparedKernel } from './kernel.ts';
import { closedWindow } from './records.ts';

const FLOWS = 100_000;
const REGIONS = 200;
const POINT = {
  flowLog: { ...FLOW_LOG_DEFAULTS, id: 'fl-bench001', accountId: '-', windowSeconds: 60 },
  interfaceId: 'eni-bench001',
  interfaceName: 'lo',
};

export const ANNOTATION_KERNELS: readonly Kernel[] = [
  { name: 'annotate/direction', item: 'record', create: () => annotateKernel(annotateDirection(addresses)) },
  { name: 'annotate/initiator', item: 'record', create: () => annotateKernel(annotateInitiator(() => 1)) },
  { name: 'annotate/regions', item: 'record', create: () => annotateKernel(annotateRegions(regions())) },
];

function addresses() {
  return Object.entries(networkInterfaces()).map(([name, infos = []]) => ({
    name,
    addresses: infos.map(({ cidr, address }) => cidr ?? address),
  }));
}

function regions() {
  return Array.from({ length: REGIONS }, (_, n) => ({
    id: `region-${n}`,
    networks: [parseNetwork(`10.${n}.0.0/16`)!, parseNetwork(`2001:db8:${n.toString(16)}::/48`)!],
  }));
}

function annotateKernel(annotator: RecordAnnotator): PreparedKernel {
  const window = closedWindow(FLOWS);
  const annotated = { point: POINT, windowStart: window.start, records: () => window.records() };
  const record = createFlowRecord();
  return {
    items: window.flows,
    note: 'the walk included',
    run() {
      const cursor = annotatedRecords(annotated, [annotator]);
      while (cursor.next(record));
    },
  };
}
