import { schedule } from 'node-cron';
import type { Control } from './control.ts';

/**
 * How long after its end a window is closed, in seconds: the kernel hands over a block of packets at the latest when the
 * ring's timeout (a tenth of a second) is over, so what belongs to the window has arrived by then.
 */
export const GRACE_SECONDS = 1;

/** Ticks every second and tells the data plane which windows are due. Answers a function that ends it. */
export function startRotation(control: Control, now: () => number): () => void {
  const tick = () => control.setCloseBefore(Math.floor(now() / 1000) - GRACE_SECONDS);
  tick();
  const task = schedule('* * * * * *', tick, { suppressMissedWarning: true });
  return () => void task.stop();
}
