/** The writes of one file, one at a time: whoever wants it written while one runs shares the next, which has all that is new by then. */
export class SharedWrites {
  readonly #write: () => Promise<void>;
  #last: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  /** @param write never rejected */
  constructor(write: () => Promise<void>) {
    this.#write = write;
  }

  /** Fulfilled when a write is done that began after this call. */
  due(): Promise<void> {
    this.#next ??= this.#last.then(() => {
      this.#next = undefined;
      return this.#write();
    });
    this.#last = this.#next;
    return this.#next;
  }

  /** Fulfilled when none is left. */
  get done(): Promise<void> {
    return this.#last;
  }
}
