/** What a run without configuration can know of its records beside their packets: who began a conversation, its handshake, the direction. */
import { randomInt } from 'node:crypto';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { FlowRecord } from '../model/flow-record.ts';
import type { OutputWindow } from '../model/window-output.ts';
import type { AnnotatorSources } from '../threads/annotators.ts';
import { createAnnotators } from '../threads/annotators.ts';
import { hostAddresses } from '../threads/host-addresses.ts';

export const ANNOTATOR_SOURCES: AnnotatorSources = {
  regions: [],
  interfaces: hostAddresses,
  seed: () => randomInt(2 ** 32),
};

/** Annotates records of the window that was begun last. */
export function annotateForTable(): (point: ObservationPoint, window: OutputWindow) => (record: FlowRecord) => void {
  const annotatorsOf = createAnnotators(ANNOTATOR_SOURCES, ['addresses', 'conversation']);
  return (point, window) => {
    const annotators = annotatorsOf(point);
    const annotated = { point, windowStart: window.start, records: () => window.records() };
    for (const annotator of annotators) annotator.begin(annotated);
    return (record) => {
      for (const annotator of annotators) annotator.annotate(record);
    };
  };
}
