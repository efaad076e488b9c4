/** Batches that wait on disk for delivery: written by the recorder, drained by the exporter. One name is one batch. */
export interface BatchStore {
  /** Names of waiting batches, oldest first, at most `limit`. */
  oldest(limit: number): readonly string[];
  /**
   * Lends the batch's bytes, or answers undefined when it was damaged (and so put into quarantine) or is gone.
   *
   * @throws OperationalError `spool.newer` when only a newer flowlogd can read it
   */
  read(name: string): Promise<Uint8Array | undefined>;
  /** It is no longer on its way, and waits again if it is still here. Until then it is not given up over a bound. */
  giveBack(name: string): void;
  /** A newer flowlogd wrote it: it stays, and is not among the waiting ones of this run any more. */
  hold(name: string): void;
  /** The service has it: forget it. */
  remove(name: string): Promise<void>;
  /** Sets it aside for ever, with the reason. */
  quarantine(name: string, reason: string): Promise<void>;
  /** Puts smaller batches in its place, durably. */
  replace(name: string, parts: readonly Uint8Array[]): Promise<void>;
  /** Waiting now, those that are held included. */
  backlog(): { readonly batches: number; readonly bytes: number };
}
