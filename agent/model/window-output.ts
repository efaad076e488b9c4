import type { RecordCursor } from './flow-record.ts';
import type { Ledger } from './ledger.ts';

/** A closed window, as an output needs it. */
export interface OutputWindow {
  /** Unix seconds. */
  readonly start: number;
  readonly ledger: Ledger;
  records(): RecordCursor;
}

/** Where closed windows go. */
export interface WindowOutput {
  write(window: OutputWindow): void | Promise<void>;
  /** Everything was written. */
  end(): Promise<void>;
  /** Instead of `end`, or after it failed: lets go of what it holds, and leaves no file that nothing was written to. */
  abandon(): Promise<void>;
}
