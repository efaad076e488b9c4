/** Page-aligned memory for one flow table, zeroed. */
export interface TableMemory {
  readonly buffer: ArrayBuffer;
  /** The file behind it, through which another thread can map the same pages; -1 for memory of this thread alone. */
  readonly fileDescriptor: number;
  /** Gives the pages back; the buffer must not be used afterwards. */
  release(): void;
}

/** Allocates table memory, or answers undefined when there is none to be had: the table then stays at its size. */
export type AllocateTableMemory = (bytes: number) => TableMemory | undefined;
