import { clearAnnotations } from '../model/annotations.ts';
import type { FlowRecord, RecordCursor } from '../model/flow-record.ts';
import type { RecordAnnotator } from '../model/record-annotator.ts';

/** Records of a cursor, each after all annotators, which have begun the window already. */
export class AnnotatedCursor implements RecordCursor {
  readonly #cursor: RecordCursor;
  readonly #annotators: readonly RecordAnnotator[];

  constructor(cursor: RecordCursor, annotators: readonly RecordAnnotator[]) {
    this.#cursor = cursor;
    this.#annotators = annotators;
  }

  next(record: FlowRecord): boolean {
    // Annotators add to what they find, and what they find here would be the record before.
    if (record.isAnnotated) clearAnnotations(record.annotations);
    if (!this.#cursor.next(record)) return false;
    for (const annotator of this.#annotators) annotator.annotate(record);
    return true;
  }
}
