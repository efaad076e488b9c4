/**
 * For how long nothing new was heard of each cause, by the clock of whoever has the book. That clock is looked at every few seconds; where
 * it is much further on, or back, it was set (or all stood still), and for every cause the time begins anew: none was quiet meanwhile that
 * could have been heard.
 */
export class LastHeard {
  readonly #at = new Map<string, number>();
  #now = Number.NaN;

  /** @param now Unix seconds */
  heard(cause: string, now: number): void {
    this.#look(now);
    this.#at.set(cause, now);
  }

  /** One that it did not know begins now. @param now Unix seconds */
  quietSeconds(cause: string, now: number): number {
    this.#look(now);
    const at = this.#at.get(cause);
    if (at === undefined) this.#at.set(cause, now);
    return now - (at ?? now);
  }

  forget(cause: string): void {
    this.#at.delete(cause);
  }

  #look(now: number): void {
    const isSet = now < this.#now || now - this.#now > GAP_SECONDS_MAX;
    if (isSet) for (const cause of this.#at.keys()) this.#at.set(cause, now);
    this.#now = now;
  }
}

/** Between two looks; six sweeps of the log service. */
export const GAP_SECONDS_MAX = 60;
