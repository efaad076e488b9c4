/**
 * Who may look at the file of the database, and when: searches in processes of their own read it while this one writes. A commit only
 * adds, to the log of changes and to free blocks, so it disturbs none of them; a checkpoint frees blocks for what comes after it,
 * so none may read then.
 *
 *     enter … leave     many at a time
 *     alone(work)       waits until the last one left; those who come meanwhile wait
 */
export class ReadGate {
  #readers = 0;
  readonly #waiting: (() => void)[] = [];
  #alone: Promise<void> = Promise.resolve();
  #claims = 0;
  #onEmpty: () => void = () => undefined;

  get isEmpty(): boolean {
    return this.#readers === 0;
  }

  async enter(): Promise<void> {
    while (this.#claims > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#readers += 1;
  }

  leave(): void {
    this.#readers -= 1;
    if (this.#readers === 0) this.#onEmpty();
  }

  /** Reads between two checkpoints. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    await this.enter();
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  alone<T>(work: () => Promise<T>): Promise<T> {
    this.#claims += 1;
    const done = this.#alone.then(() => this.#empty()).then(work);
    this.#alone = done.then(
      () => this.#unclaim(),
      () => this.#unclaim(),
    );
    return done;
  }

  #unclaim(): void {
    this.#claims -= 1;
    if (this.#claims > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #empty(): Promise<void> {
    if (this.#readers === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }
}
