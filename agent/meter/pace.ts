import type { PacketSource } from '../model/packet-source.ts';

/** Where packets never cease they are taken in once in so long: the ring is their buffer, and a wake-up for each of its blocks is not needed. */
const PAUSE_MS = 4;
/** They do not cease when a wait for them is so short. */
const WAIT_MS_MAX = 2;
/** In a smaller ring there may be too little room for what comes meanwhile: here, for some 30 ms of two million packets a second. */
const RING_BYTES_MIN = 8 * 1024 * 1024;

/** How long to leave packets in their rings before the next look. */
export class Pace {
  readonly #elapsed: () => number;
  #waitedMs = 0;
  #wokenAtMs = 0;

  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  /** Since the last time that packets were taken in. Nothing where any of the rings is small, or packets are few. */
  pauseMs(sources: readonly PacketSource[]): number {
    if (this.#waitedMs > WAIT_MS_MAX || !sources.some(({ isReady }) => isReady === true)) return 0;
    if (sources.some(({ isReady, ringBytes = 0 }) => isReady !== false && ringBytes < RING_BYTES_MIN)) return 0;
    return Math.max(0, Math.ceil(this.#wokenAtMs + PAUSE_MS - this.#elapsed()));
  }

  async waited(wait: () => void | Promise<void>): Promise<void> {
    const startMs = this.#elapsed();
    await wait();
    this.#wokenAtMs = this.#elapsed();
    this.#waitedMs = this.#wokenAtMs - startMs;
  }
}
