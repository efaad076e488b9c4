import type { NumberedRejection } from './rejection.ts';

/** Page-aligned memory for one flow table, zeroed. */
export interface TableMemory {
  readonly buffer: ArrayBuffer;
  /** The file behind it, through which another thread can map the same pages; -1 for memory of this thread alone. */
  readonly fileDescriptor: number;
  /** Where it begins in the file; at its beginning when absent. */
  readonly offset?: number;
  /** Gives the pages back; the buffer must not be used afterwards. */
  release(): void;
}

/** Allocates table memory, or answers undefined when there is none to be had: the table then stays at its size. */
export type AllocateTableMemory = (bytes: number) => TableMemory | undefined;

/** Which table memory is for. */
export interface TablePurpose {
  /** Unix seconds. */
  readonly windowStart: number;
  /** Tells the window from others of the same start at the same point (flow/window.ts). */
  readonly revision: number;
  readonly family: 4 | 6;
  /** Of a table of rejected packets, under a number that no other of the window has. */
  readonly rejection?: NumberedRejection | undefined;
}

/** The same for tables of any window, which may live in files that name it. */
export type AllocateWindowMemory = (bytes: number, purpose: TablePurpose) => TableMemory | undefined;
