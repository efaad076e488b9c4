import type { NumberedRejection } from './rejection.ts';

/** Page-aligned memory for one flow table, zeroed. */
export interface TableMemory {
  readonly words: Int32Array;
  /** How another thread comes to what is in it. Once at most, and nothing is read or written here afterwards. */
  handOver(): TablePages;
  /** Gives the pages back; the words must not be used afterwards. */
  release(): void;
  /** The same for memory that nothing was written to: a file that was made larger for it is as it was before. */
  discard(): void;
}

/** The slots of a table on their way to another thread of this process. */
export type TablePages =
  /** In a file, which stays open until the other thread has answered. */
  | { readonly kind: 'file'; readonly fileDescriptor: number; readonly offset: number }
  /** In memory that the other thread adopts: from then on it is that thread's, too. */
  | { readonly kind: 'shared'; readonly promise: number }
  /** On the heap of this thread, of which the other gets a copy. */
  | { readonly kind: 'copied'; readonly words: Int32Array };

/**
 * Allocates table memory, or answers undefined when there is none to be had: the table then stays at its size. Large memory is
 * made ready beside this thread, so whoever asks before it is needed does not wait for its pages later.
 */
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
  /** Whether it has columns of what is on the wire (flow/table-parts.ts). */
  readonly notesWire?: boolean;
}

/** The same for tables of any window, which may live in files that name it. */
export type AllocateWindowMemory = (bytes: number, purpose: TablePurpose) => TableMemory | undefined;

/** Memory on the JavaScript heap, where there is no other. */
export function heapMemory(bytes: number): TableMemory {
  const words = new Int32Array(bytes / 4);
  const handOver = (): TablePages => ({ kind: 'copied', words });
  return { words, handOver, release: () => undefined, discard: () => undefined };
}
