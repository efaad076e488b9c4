import type { ObservationPoint } from './flow-log.ts';
import type { Ledger } from './ledger.ts';
import type { Rejection } from './rejection.ts';
import type { TablePages } from './table-memory.ts';

/** One table of a closed window. */
export interface ClosedTable {
  readonly family: 4 | 6;
  readonly pages: TablePages;
  readonly bytes: number;
  /** Of a table of rejected packets. */
  readonly rejection?: Rejection | undefined;
  /** Whether it has columns of what is on the wire (flow/table-parts.ts). */
  readonly notesWire?: boolean;
}

/** Paths of the files in which a window outlives the process. They go in this order when it is durable elsewhere. */
export type PersistedFiles = readonly string[];

/** Table memory of the windows that are closed and not yet durable, of all points together: the limit of those who hold them. */
export const HELD_BYTES_MAX = 512 * 1024 ** 2;

/** A closed window on its way from the data plane to the recorder. The tables stay mapped until the recorder releases them. */
export interface ClosedWindow {
  /** Names the window in the answer that releases it. */
  readonly id: number;
  readonly point: ObservationPoint;
  /** Unix seconds. */
  readonly windowStart: number;
  /** Tells it from other windows of the same start at the same point (flow/window.ts). */
  readonly revision: number;
  readonly flows: number;
  readonly ledger: Ledger;
  readonly tables: readonly ClosedTable[];
  /** Undefined where it lives in memory only. */
  readonly files: PersistedFiles | undefined;
}

/** What the data plane sends to the recorder. */
export type ClosedWindowMessage =
  | { readonly kind: 'closed'; readonly window: ClosedWindow }
  /** The last window was sent. */
  | { readonly kind: 'end' };

/** What the recorder sends back: the window is durable, its memory may go. */
export interface ReleaseMessage {
  readonly id: number;
}
