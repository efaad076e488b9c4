/** Work in small steps between what is more urgent: for a few milliseconds at a time, and at most a quarter of the time. */
import { setTimeout as sleep } from 'node:timers/promises';

const STEP_MS = 5;
const REST = 3;

export class Pace {
  #since = performance.now();
  #isHurried = false;

  /** The work begins, after a time without any. */
  begin(): void {
    this.#since = performance.now();
  }

  /** No rest from now on. */
  hurry(): void {
    this.#isHurried = true;
  }

  async step(): Promise<void> {
    const worked = performance.now() - this.#since;
    if (worked < STEP_MS || this.#isHurried) return;
    await sleep(REST * worked);
    this.begin();
  }
}
