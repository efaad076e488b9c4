import type { LiveStep } from '../model/live-feed.ts';
import type { PrintedRows } from './live-rows.ts';

/** The rows of several windows as one step. */
export class StepRows {
  flows = 0;
  unreadWindows = 0;
  readonly #rows: Uint8Array[] = [];
  #deferred = 0;
  #omitted = { flows: 0, packets: 0 };

  add({ rows, flows, deferred }: PrintedRows): void {
    this.#rows.push(rows);
    this.flows += flows;
    this.#deferred += deferred;
  }

  /** What a window had left when there was no more room for it. */
  addLast(printed: PrintedRows): void {
    this.add({ ...printed, deferred: 0 });
    this.#omitted = { flows: printed.deferred, packets: printed.deferredPackets };
  }

  step(unsettled: number, milliseconds: number): LiveStep {
    const { flows, unreadWindows } = this;
    return {
      rows: concatenated(this.#rows),
      numbers: {
        flows,
        deferred: this.#deferred,
        omittedFlows: this.#omitted.flows,
        omittedPackets: this.#omitted.packets,
        unsettled,
        unreadWindows,
        milliseconds: Number(milliseconds.toFixed(1)),
      },
    };
  }
}

/** In memory of its own, which can go to another thread. */
function concatenated(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
