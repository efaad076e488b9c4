/** Time, as the stages of delivery see it: tests turn it by hand. */
export interface Timers {
  /** Milliseconds that never go backwards. */
  now(): number;
  /** Calls once, after `delayMs`, unless what it answers is called before. */
  after(delayMs: number, call: () => void): () => void;
}

/** The longest delay that Node's timers hold; a longer one would fire at once. */
const DELAY_MS_MAX = 2 ** 31 - 1;

export const systemTimers: Timers = {
  now: () => performance.now(),
  after(delayMs, call) {
    const timer = setTimeout(call, Math.min(Math.max(0, delayMs), DELAY_MS_MAX));
    return () => clearTimeout(timer);
  },
};
