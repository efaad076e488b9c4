/** How the records of NAT flow logs found the other side of their translation. */
export interface TranslationNumbers {
  /** Records that were looked up, by the outcome; a window that has to be written again counts again. */
  readonly matched: number;
  readonly same: number;
  readonly unmatched: number;
  /** Of those found: another connection, translated otherwise, had the record's addresses and ports in the same time. */
  readonly ambiguous: number;
  /** Connections in the table, alive and ended. */
  readonly entries: number;
  /** Ended ones that went early, and new ones that were not taken, because the table was full. */
  readonly evicted: number;
  readonly refused: number;
  /** Beginnings and ends of connections that the kernel has told. */
  readonly events: number;
  /** Times that it had more to tell than its queue holds. */
  readonly overruns: number;
  /** Lists of all connections that were asked for, and those that failed or changed under the reading. */
  readonly lists: number;
  readonly partialLists: number;
  /** Messages that are not what the kernel documents. */
  readonly malformed: number;
}
