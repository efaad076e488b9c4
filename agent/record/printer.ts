import type { FlowRecord } from '../model/flow-record.ts';
import type { Ledger } from '../model/ledger.ts';

/** What all records of one window share. */
export interface PrinterContext {
  /** Unix seconds. */
  readonly windowStart: number;
  readonly windowSeconds: number;
  /** Undefined where nobody configured one. */
  readonly accountId?: string | undefined;
  readonly interfaceId?: string | undefined;
}

/** A text may be this long once it is encoded (and escaped) for a record. */
export const CONTEXT_TEXT_BYTES_MAX = 1024;

/** Writes records as bytes into the caller's buffer. One printer is used for millions of records and allocates for none. */
export interface RecordPrinter {
  /** Room that the caller keeps for each call of `print` or `finish`. */
  readonly bytesMax: number;
  /** A window begins; everything that its records share is written once, here. */
  begin(context: PrinterContext): void;
  /** Writes one record at `at` and answers the offset after it. */
  print(record: FlowRecord, buffer: Uint8Array, at: number): number;
  /** The window ends: writes the rows that stand for the window itself, where the format has such. */
  finish?(ledger: Ledger, buffer: Uint8Array, at: number): number;
}

/** @throws RangeError: the configuration is to keep such texts out. */
export function contextText(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > CONTEXT_TEXT_BYTES_MAX) throw new RangeError(`a name of a record has ${bytes.length} bytes`);
  return bytes;
}
