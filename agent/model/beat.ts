/**
 * Looks that come round. All begin with a second of the clock, whenever they were started, so that a process wakes once for all
 * that are due and not for each of them.
 */

/** A timer may come a little before its time; the next is not that one once more. */
const EARLY_MS_MAX = 100;

export interface Beat {
  stop(): void;
}

/** @param now Unix milliseconds */
export function startBeat(everySeconds: number, look: () => void, now: () => number = Date.now): Beat {
  const everyMs = everySeconds * 1000;
  let timer: NodeJS.Timeout;
  const wait = () => {
    const restMs = everyMs - (now() % everyMs);
    timer = setTimeout(beat, restMs > EARLY_MS_MAX ? restMs : restMs + everyMs);
  };
  const beat = () => {
    wait();
    look();
  };
  wait();
  return { stop: () => clearTimeout(timer) };
}
