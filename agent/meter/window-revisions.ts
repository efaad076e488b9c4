/**
 * Which revision of its window a window is: 0 for one that is newer than all before, else a number that no other has. It is part
 * of the identity of batches, so meters that follow each other on one observation point share one of these.
 */
export class WindowRevisions {
  /** Unix seconds. */
  #newestStart = Number.NEGATIVE_INFINITY;
  /** Windows opened that were not newer than all before. */
  #late = 0;

  next(start: number): number {
    if (start <= this.#newestStart) return ++this.#late;
    this.#newestStart = start;
    return 0;
  }
}
