import { ANNOTATION_SOURCES, type AnnotationSource } from '../../schema/field.ts';
import { annotateDirection, type InterfaceAddresses } from '../annotation/direction.ts';
import { annotateInitiator } from '../annotation/initiator.ts';
import { annotateRegions, type Region } from '../annotation/regions.ts';
import type { FlowLog, ObservationPoint } from '../model/flow-log.ts';
import type { RecordCursor } from '../model/flow-record.ts';
import type { AnnotatedWindow, RecordAnnotator } from '../model/record-annotator.ts';
import { AnnotatedCursor } from '../record/annotated-cursor.ts';
import { columnsOf, evidenceOf } from '../record/field-columns.ts';
import type { RecordedWindow } from '../spool/recorder.ts';

/** What annotates the records of an observation point, in this order. */
export type AnnotatorsOf = (point: ObservationPoint) => readonly RecordAnnotator[];

/** Where annotators learn what they know. */
export interface AnnotatorSources {
  readonly regions: readonly Region[];
  /** The interfaces of the host as they are now. */
  readonly interfaces: () => readonly InterfaceAddresses[];
  /** 32 random bits. */
  readonly seed: () => number;
  /** The host's translations, where a flow log of type NAT wants them. */
  readonly translations?: RecordAnnotator | undefined;
}

/** An annotator works for the flow logs that record one of its fields, and costs the others nothing. @param always those that work for all */
export function createAnnotators(
  { regions, interfaces, seed, translations }: AnnotatorSources,
  always: readonly AnnotationSource[] = [],
): AnnotatorsOf {
  const annotators: Readonly<Record<AnnotationSource, RecordAnnotator | undefined>> = {
    // What is rejected has been counted apart from what is accepted before the window was closed.
    'packet-filter': undefined,
    conntrack: translations,
    regions: annotateRegions(regions),
    addresses: annotateDirection(interfaces),
    conversation: annotateInitiator(seed),
  };
  return ({ flowLog }) =>
    ANNOTATION_SOURCES.filter((evidence) => always.includes(evidence) || isAsked(evidence, flowLog))
      .map((evidence) => annotators[evidence])
      .filter((annotator) => annotator !== undefined);
}

/** Connection tracking is followed for NAT, whatever it records: the initiator, too, is known from there first. */
function isAsked(evidence: AnnotationSource, { resourceType, fields }: FlowLog): boolean {
  if (evidence === 'conntrack') return resourceType === 'NAT';
  return evidenceOf(columnsOf(resourceType, fields) ?? []).includes(evidence);
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
