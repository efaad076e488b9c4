/**
 * The words through which the control plane steers the data plane, and the only memory that both write.
 *
 *     0 stop          control plane: 1 asks the data plane to close its windows and end
 *     1 closeBefore   control plane: windows that end at or before this Unix second (uint32) are due
 *     2 progress      data plane: goes up with every round, so that a stuck data plane can be told from an idle one
 */
const STOP = 0;
const CLOSE_BEFORE = 1;
const PROGRESS = 2;
const WORDS = 3;

export class Control {
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #wake: () => void;

  /** @param wake ends the sleep of a data plane for which nothing comes */
  constructor(shared = new SharedArrayBuffer(WORDS * 4), wake: () => void = () => undefined) {
    this.shared = shared;
    this.#words = new Int32Array(shared);
    this.#wake = wake;
  }

  requestStop(): void {
    Atomics.store(this.#words, STOP, 1);
    this.#wake();
  }

  get stopRequested(): boolean {
    return Atomics.load(this.#words, STOP) === 1;
  }

  setCloseBefore(seconds: number): void {
    Atomics.store(this.#words, CLOSE_BEFORE, seconds | 0);
    this.#wake();
  }

  get closeBefore(): number {
    return Atomics.load(this.#words, CLOSE_BEFORE) >>> 0;
  }

  advance(): void {
    Atomics.add(this.#words, PROGRESS, 1);
  }

  get progress(): number {
    return Atomics.load(this.#words, PROGRESS);
  }
}
