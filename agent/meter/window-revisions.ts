import type { ObservationPoint } from '../model/flow-log.ts';

/** Points that left whose revisions are remembered: the clock may be set back to windows of theirs, however far. */
const REMEMBERED_MAX = 4096;

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

/** Those of all points of a run. */
export class PointRevisions {
  readonly #byPoint = new Map<string, WindowRevisions>();

  /** @param taps whose points are observed: those of others may be forgotten, the longest unused first */
  of(point: ObservationPoint, taps: readonly { readonly point: ObservationPoint }[]): WindowRevisions {
    const key = keyOf(point);
    const revisions = this.#byPoint.get(key) ?? new WindowRevisions();
    // The last that was asked for comes last.
    this.#byPoint.delete(key);
    this.#byPoint.set(key, revisions);
    this.#forgetOthers(new Set(taps.map((tap) => keyOf(tap.point))));
    return revisions;
  }

  #forgetOthers(observed: ReadonlySet<string>): void {
    for (const key of this.#byPoint.keys()) {
      if (this.#byPoint.size <= observed.size + REMEMBERED_MAX) return;
      if (!observed.has(key)) this.#byPoint.delete(key);
    }
  }
}

/** What the identity of a batch has of its point. */
function keyOf({ flowLog, interfaceId }: ObservationPoint): string {
  return `${flowLog.id} ${interfaceId}`;
}
