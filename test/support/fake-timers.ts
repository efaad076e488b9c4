import type { Timers } from '../../agent/export/timers.ts';

/** Time that stands still until it is turned. */
export class FakeTimers implements Timers {
  #now = 0;
  #pending: { readonly at: number; readonly call: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(delayMs: number, call: () => void): () => void {
    const entry = { at: this.#now + delayMs, call };
    this.#pending.push(entry);
    return () => {
      this.#pending = this.#pending.filter((other) => other !== entry);
    };
  }

  /** How long until the next call; undefined when none waits. */
  get nextMs(): number | undefined {
    if (this.#pending.length === 0) return undefined;
    return Math.min(...this.#pending.map((entry) => entry.at)) - this.#now;
  }

  /** Makes every call that falls due within `ms`, in order, letting promises run after each. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settled();
    for (;;) {
      const due = this.#pending.filter((entry) => entry.at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#pending = this.#pending.filter((other) => other !== due);
      this.#now = Math.max(this.#now, due.at);
      due.call();
      await settled();
    }
    this.#now = until;
  }
}

/** Lets every promise run on that can. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
