/** A socket in the file system by which its maker knows it again: whoever deletes or replaces it cuts the way to its maker. */
import { statSync } from 'node:fs';

export class OwnSocket {
  readonly #path: string;
  #inode: number | undefined;

  /** @param isMade whether it could be made: what never was is not missed */
  constructor(path: string, isMade: boolean) {
    this.#path = path;
    this.#inode = isMade ? this.#found() : undefined;
  }

  get isInPlace(): boolean {
    return this.#inode === undefined || this.#found() === this.#inode;
  }

  made(): void {
    this.#inode = this.#found();
  }

  #found(): number | undefined {
    return statSync(this.#path, { throwIfNoEntry: false })?.ino;
  }
}
