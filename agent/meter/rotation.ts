import type { Control } from './control.ts';

/**
 * How long after its end a window is closed, in seconds: the kernel hands over a block of packets at the latest when the
 * ring's timeout (a tenth of a second) is over, so what belongs to the window has arrived by then.
 */
export const GRACE_SECONDS = 1;

/**
 * Ticks as each second begins and tells the data plane which windows are due. Answers a function that ends it.
 *
 * Each tick waits for the next second alone, by a timer that does not follow the clock: a clock that is set, by years, and
 * forward or back, puts no tick off by more than a second, and none has to be made up for.
 */
export function startRotation(control: Control, now: () => number): () => void {
  let timer: NodeJS.Timeout;
  const tick = () => {
    const nowMs = now();
    control.setCloseBefore(Math.floor(nowMs / 1000) - GRACE_SECONDS);
    timer = setTimeout(tick, 1000 - (nowMs % 1000));
  };
  tick();
  return () => clearTimeout(timer);
}
