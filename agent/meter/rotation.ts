import { createTask } from 'node-cron';
import type { Control } from './control.ts';

/**
 * How long after its end a window is closed, in seconds: the kernel hands over a block of packets at the latest when the
 * ring's timeout (a tenth of a second) is over, so what belongs to the window has arrived by then.
 */
export const GRACE_SECONDS = 1;

const EVERY_MINUTE = '* * * * *';
const MINUTE_MS = 60_000;
const LONGEST_WAIT_MS = 1000;

/**
 * Ticks as each second begins and tells the data plane which windows are due. Answers a function that ends it.
 *
 * node-cron says when the next minute begins, and is asked anew when it has, or when the clock was set; seconds are counted back
 * from there, because a question takes it longer than all else that an idle agent does in a second. Its task is never started: the
 * beat of a started one goes through every second that a clock set forward left out, before anything else can run, and is silent
 * while a clock set back catches up. The wait is ours, by a timer that does not follow the clock, and is never longer than a second,
 * also when the clock is set between the question and the wait. The schedule is in UTC, which leaves out no hour and has none twice.
 */
export function startRotation(control: Control, now: () => number): () => void {
  let timer: NodeJS.Timeout;
  let minuteMs = 0;
  const tick = () => {
    control.setCloseBefore(Math.floor(now() / 1000) - GRACE_SECONDS);
    const nowMs = now();
    if (nowMs >= minuteMs || nowMs < minuteMs - MINUTE_MS) minuteMs = task.getNextRuns(1)[0]!.getTime();
    const waitMs = (minuteMs - nowMs) % LONGEST_WAIT_MS;
    timer = setTimeout(tick, waitMs > 0 ? waitMs : LONGEST_WAIT_MS);
  };
  const task = createTask(EVERY_MINUTE, tick, { timezone: 'UTC' });
  tick();
  return () => {
    clearTimeout(timer);
    void task.destroy();
  };
}
