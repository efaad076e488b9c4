import type { ObservationPoint } from '../model/flow-log.ts';
import type { RecordAnnotator } from '../model/record-annotator.ts';
import type { OutputWindow, WindowOutput } from '../model/window-output.ts';
import { annotatedRecords } from '../threads/annotators.ts';

/** Hands windows on with all that is known of their records. */
export class AnnotatedOutput implements WindowOutput {
  readonly #output: WindowOutput;
  readonly #point: ObservationPoint;
  readonly #annotators: readonly RecordAnnotator[];

  constructor(output: WindowOutput, point: ObservationPoint, annotators: readonly RecordAnnotator[]) {
    this.#output = output;
    this.#point = point;
    this.#annotators = annotators;
  }

  async write(window: OutputWindow): Promise<void> {
    const annotated = { point: this.#point, windowStart: window.start, records: () => window.records() };
    await this.#output.write({ ...window, records: () => annotatedRecords(annotated, this.#annotators) });
  }

  end(): Promise<void> {
    return this.#output.end();
  }

  abandon(): Promise<void> {
    return this.#output.abandon();
  }
}
