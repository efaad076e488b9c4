import type { ObservationPoint } from './flow-log.ts';
import type { FlowRecord, RecordCursor } from './flow-record.ts';

/** A closed window that is about to be written. */
export interface AnnotatedWindow {
  readonly point: ObservationPoint;
  /** Unix seconds. */
  readonly windowStart: number;
  /** All its records from the first, as often as they are asked for; each pass costs a walk over the tables. */
  records(): RecordCursor;
}

/**
 * Adds annotations to the records of a closed window, off the packet path. Several may work on the same record, one after
 * the other: each writes its own fields and leaves the others alone.
 */
export interface RecordAnnotator {
  /** A window begins: what is to be known of it as a whole is looked up here. */
  begin(window: AnnotatedWindow): void;
  /** Fills fields of `record.annotations` and sets `isAnnotated`, where it knows any. */
  annotate(record: FlowRecord): void;
}
