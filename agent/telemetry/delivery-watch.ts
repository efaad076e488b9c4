/** Windows without a delivery, while batches are pending, after which an agent is not healthy. */
const STALLED_WINDOWS = 3;
/** Of an agent without interfaces that still has batches. */
const DEFAULT_WINDOW_SECONDS = 300;

/**
 * Watches whether pending batches are delivered. It counts looks, a second apart, and not time: neither a clock that is set
 * nor a process that was stopped for a while makes a delivery look stalled.
 */
export class DeliveryWatch {
  #delivered = 0;
  #looks = 0;

  look(pendingBatches: number, deliveredBatches: number): void {
    this.#looks = pendingBatches === 0 || deliveredBatches !== this.#delivered ? 0 : this.#looks + 1;
    this.#delivered = deliveredBatches;
  }

  /** For how long batches have been pending without one delivered. */
  get undeliveredSeconds(): number {
    return this.#looks;
  }
}

/** @param windowSeconds of each interface: the longest decides, batches come no sooner */
export function isDeliveryStalled(undeliveredSeconds: number, windowSeconds: readonly number[]): boolean {
  const longest = windowSeconds.length === 0 ? DEFAULT_WINDOW_SECONDS : Math.max(...windowSeconds);
  return undeliveredSeconds >= STALLED_WINDOWS * longest;
}
