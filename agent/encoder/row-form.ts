import type { Rows, Step } from '../record/row.ts';
import { varintBytes } from '../wire/protobuf-writer.ts';

/** How a sink frames the rows of one batch: `tag length head (before value)* after uid`, laid out once, so that a record costs its own values only. */
export interface RowForm {
  readonly windowStart: number;
  readonly rows: Rows;
  readonly tag: number;
  /** What each row begins with. */
  readonly head: Uint8Array;
  /** What each row ends with, where rows have names of their own. */
  readonly uid: Uid | undefined;
  /** Of the longest row, its tag and length included. */
  readonly bytesMax: number;
  /** Of the length of the longest row. */
  readonly lengthBytes: number;
  /** Which holes `close` fills (`layout.ts`). */
  readonly closing: 'content' | 'attribute';
  /** Fills the holes of what begins at `at`, and whose value stands from `value` to `end`; answers where it ends then. */
  close(of: Closed, buffer: Uint8Array, at: number, value: number, end: number): number;
}

export type Closed = Pick<Step, 'label' | 'isNumber'>;

/** A text that ends in the index of the row. */
export interface Uid extends Closed {
  readonly before: Uint8Array;
  readonly openingBytes: number;
}

/** Up to here lengths of one byte are enough for a value with its key. */
export const NARROW_BYTES_MAX = 0x81;

/** The longest row of a form and its length, from the most bytes behind the length. */
export function rowSizes(bodyBytesMax: number): { bytesMax: number; lengthBytes: number } {
  const lengthBytes = varintBytes(bodyBytesMax);
  return { bytesMax: 1 + lengthBytes + bodyBytesMax, lengthBytes };
}
