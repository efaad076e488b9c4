/** The widest capture window that can be asked for: ten minutes, as CCN's longest period. */
export const WINDOW_SECONDS_MAX = 600;

/** The start of the window, in Unix seconds aligned to the epoch, in which the second `seconds` lies. */
export function windowStart(seconds: number, windowSeconds: number): number {
  return Math.floor(seconds / windowSeconds) * windowSeconds;
}
