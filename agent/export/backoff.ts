/** Capped exponential backoff with full jitter: agents that lost the same service must not come back in step. */
export interface BackoffLimits {
  /** The longest first wait. */
  readonly initialMs: number;
  /** The longest wait. */
  readonly capMs: number;
}

export const DEFAULT_BACKOFF: BackoffLimits = { initialMs: 500, capMs: 60_000 };

/**
 * The wait before the next attempt, after `failures` (1 or more) in a row: even between a tenth of the limit and the limit,
 * which doubles up to the cap. Not from zero, so that no run of bad luck turns into a busy loop.
 *
 * @param random uniform in [0, 1)
 */
export function backoffMs(limits: BackoffLimits, failures: number, random: () => number): number {
  // 2^30 times the smallest step is above any cap; larger exponents would only reach Infinity.
  const bound = Math.min(limits.capMs, limits.initialMs * 2 ** Math.min(Math.max(0, failures - 1), 30));
  return bound * (0.1 + 0.9 * random());
}

/** A wait of about `meanMs`, a fifth less to a fifth more. */
export function jitterMs(meanMs: number, random: () => number): number {
  return meanMs * (0.8 + 0.4 * random());
}
