/** Batches that are pending on disk for one sink: written by the recorder, drained by the sink's exporter. One name is one batch. */
export interface BatchStore {
  /** Names of pending batches, oldest first, at most `limit`. */
  oldest(limit: number): readonly string[];
  /**
   * The batch's bytes, which is in flight from now on; undefined when it was damaged (and so put into quarantine) or is gone.
   *
   * @throws OperationalError `spool.newer` when only a newer flowlogd can read it
   */
  read(name: string): Promise<Uint8Array | undefined>;
  /** It is no longer in flight, and pending again if it is still here. Until then it is not evicted. */
  release(name: string): void;
  /** A newer flowlogd wrote it: it stays, and is not among those to be delivered by this run any more. */
  hold(name: string): void;
  /** The sink has it: forget it. */
  remove(name: string): Promise<void>;
  /** Moves it to the quarantine, with the reason. */
  quarantine(name: string, reason: string): Promise<void>;
  /** Puts smaller batches in its place, durably. */
  replace(name: string, parts: readonly Uint8Array[]): Promise<void>;
  /** Pending now, those that are held included. */
  backlog(): { readonly batches: number; readonly bytes: number };
}
