import type { TextOutput } from '../terminal/text-output.ts';

/** Messages that are held while a screen is up; further ones are only counted. */
const HELD_MAX = 100;

/** Messages on standard error, held while a screen is drawn on the same terminal. */
export class Notices {
  readonly #stderr: TextOutput;
  #held: string[] | undefined;
  #leftOut = 0;

  constructor(stderr: TextOutput) {
    this.#stderr = stderr;
  }

  readonly notify = (sentence: string | undefined): void => {
    if (sentence === undefined) return;
    if (this.#held === undefined) this.#stderr.writeMessage(sentence);
    else if (this.#held.length < HELD_MAX) this.#held.push(sentence);
    else this.#leftOut += 1;
  };

  /** From now on the screen shows `latest`. */
  hold(): void {
    this.#held = [];
  }

  get latest(): string | undefined {
    return this.#held?.at(-1);
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const sentence of held) this.notify(sentence);
    if (this.#leftOut > 0) this.notify(`${this.#leftOut} more messages omitted.`);
  }
}
