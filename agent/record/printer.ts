import type { FlowRecord } from '../model/flow-record.ts';
import type { Ledger } from '../model/ledger.ts';
import type { RowContext } from './row-context.ts';

/** A text that all records of a window share may be this long once it is encoded (and escaped). */
export const CONTEXT_TEXT_BYTES_MAX = 1024;

/** Writes records as bytes into the caller's buffer. One printer is used for millions of records and allocates for none. */
export interface RecordPrinter {
  /** Room that the caller keeps for each call of `print` or `finish`. */
  readonly bytesMax: number;
  /** The line before the first row, with its line feed; empty where the format has none. */
  readonly header: string;
  /** A window begins; everything that its records share is written once, here. @throws RangeError for a text that is too long */
  begin(context: RowContext): void;
  /** Writes one record at `at` and answers the offset after it. */
  print(record: FlowRecord, buffer: Uint8Array, at: number): number;
  /** The window ends: writes the row that stands for the window itself, where it needs one. */
  finish(ledger: Ledger, buffer: Uint8Array, at: number): number;
}

/** @throws RangeError: the configuration is to keep such texts out. */
export function contextText(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > CONTEXT_TEXT_BYTES_MAX) throw new RangeError(`a name of a record has ${bytes.length} bytes`);
  return bytes;
}
