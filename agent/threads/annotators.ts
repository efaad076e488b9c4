import { annotateDirection, type InterfaceAddresses } from '../annotation/direction.ts';
import { annotateInitiator } from '../annotation/initiator.ts';
import { annotateRegions, type Region } from '../annotation/regions.ts';
import type { FlowLog, ObservationPoint } from '../model/flow-log.ts';
import type { RecordCursor } from '../model/flow-record.ts';
import type { AnnotatedWindow, RecordAnnotator } from '../model/record-annotator.ts';
import { AnnotatedCursor } from '../record/annotated-cursor.ts';
import type { RecordedWindow } from '../spool/recorder.ts';

/** What annotates the records of an observation point, in this order. */
export type AnnotatorsOf = (point: ObservationPoint) => readonly RecordAnnotator[];

/** Where annotators learn what they know. */
export interface Evidence {
  readonly regions: readonly Region[];
  /** The interfaces of the host as they are now. */
  readonly interfaces: () => readonly InterfaceAddresses[];
  /** 32 random bits. */
  readonly seed: () => number;
  /** The host's translations, where a flow log of type NAT wants them. */
  readonly translations?: RecordAnnotator | undefined;
}

/** Fields that an annotator fills; it works for a flow log that records one of them, and costs the others nothing. */
const REGION_FIELDS = ['srcregionid', 'dstregionid'];
const DIRECTION_FIELDS = ['direction', 'flow-direction'];
const INITIATOR_FIELDS = ['initiator', 'initiator-evidence', 'handshake-rtt'];

export function createAnnotators({ regions, interfaces, seed, translations }: Evidence): AnnotatorsOf {
  const byRegion = annotateRegions(regions);
  const byDirection = annotateDirection(interfaces);
  const byInitiator = annotateInitiator(seed);
  const byConnection = translations === undefined ? [] : [translations];
  return ({ flowLog }) => [
    ...(flowLog.resourceType === 'NAT' ? byConnection : []),
    ...(flowLog.resourceType === 'CCN' || records(flowLog, REGION_FIELDS) ? [byRegion] : []),
    ...(records(flowLog, DIRECTION_FIELDS) ? [byDirection] : []),
    ...(records(flowLog, INITIATOR_FIELDS) ? [byInitiator] : []),
  ];
}

function records({ fields }: FlowLog, names: readonly string[]): boolean {
  return fields.some((field) => names.includes(field));
}

/** The window with all that is known of its records, looked up anew each time that it is written. */
export function annotated(window: RecordedWindow, annotatorsOf: AnnotatorsOf): RecordedWindow {
  const annotators = annotatorsOf(window.point);
  if (annotators.length === 0) return window;
  const { point, header } = window;
  return {
    ...window,
    records: () =>
      annotatedRecords({ point, windowStart: header.windowStart, records: () => window.records() }, annotators),
  };
}

export function annotatedRecords(window: AnnotatedWindow, annotators: readonly RecordAnnotator[]): RecordCursor {
  for (const annotator of annotators) annotator.begin(window);
  return new AnnotatedCursor(window.records(), annotators);
}
