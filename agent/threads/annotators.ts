import type { ObservationPoint } from '../model/flow-log.ts';
import type { RecordAnnotator } from '../model/record-annotator.ts';
import { AnnotatedCursor } from '../record/annotated-cursor.ts';
import type { RecordedWindow } from '../spool/recorder.ts';

/** What annotates the records of an observation point, in this order. */
export type AnnotatorsOf = (point: ObservationPoint) => readonly RecordAnnotator[];

/** The window with all that is known of its records, looked up anew each time that it is written. */
export function annotated(window: RecordedWindow, annotatorsOf: AnnotatorsOf): RecordedWindow {
  const annotators = annotatorsOf(window.point);
  if (annotators.length === 0) return window;
  const { point, header } = window;
  return {
    ...window,
    records() {
      const begun = { point, windowStart: header.windowStart, records: () => window.records() };
      for (const annotator of annotators) annotator.begin(begun);
      return new AnnotatedCursor(window.records(), annotators);
    },
  };
}
