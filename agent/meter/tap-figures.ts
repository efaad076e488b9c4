import type { Window } from '../flow/window.ts';
import { type Ledger, lostPackets, offeredBytes, offeredPackets } from '../model/ledger.ts';
import type { LiveFigures } from '../model/live-figures.ts';
import type { Drops } from './drops.ts';

/** Told at most this often. */
const FIGURES_MS = 100;

/** How a tap stands now, for whoever watches it live: sums of its closed windows and of those that are open. */
export class TapFigures {
  readonly #onFigures: ((figures: LiveFigures) => void) | undefined;
  readonly #now: () => number;
  readonly #closed = { packets: 0, bytes: 0, lostPackets: 0 };
  #unwrittenWindows = 0;
  #emittedAt = 0;

  /** @param now Unix milliseconds */
  constructor(onFigures: ((figures: LiveFigures) => void) | undefined, now: () => number) {
    this.#onFigures = onFigures;
    this.#now = now;
  }

  closed(ledger: Ledger): void {
    this.#closed.packets += offeredPackets(ledger);
    this.#closed.bytes += offeredBytes(ledger);
    this.#closed.lostPackets += lostPackets(ledger);
    this.#unwrittenWindows += 1;
  }

  /** A closed window is safe elsewhere. */
  released(): void {
    this.#unwrittenWindows -= 1;
  }

  /** @param drops that no ledger has */
  emit(windows: Iterable<Window>, current: Window | undefined, drops: Drops, memoryOnlyTables: number): void {
    const onFigures = this.#onFigures;
    if (onFigures === undefined || Math.abs(this.#now() - this.#emittedAt) < FIGURES_MS) return;
    this.#emittedAt = this.#now();
    const dropped = drops.droppedByKernel + drops.droppedByInterface;
    const sums = { packets: this.#closed.packets + dropped, bytes: this.#closed.bytes };
    let lost = this.#closed.lostPackets + dropped;
    for (const { ledger } of windows) {
      sums.packets += offeredPackets(ledger);
      sums.bytes += offeredBytes(ledger);
      lost += lostPackets(ledger);
    }
    const flows = Math.max(0, ...(current?.tables ?? []).map(({ table }) => table.flows));
    const openPackets = sums.packets - this.#closed.packets;
    const unwrittenWindows = this.#unwrittenWindows;
    onFigures({ ...sums, lostPackets: lost, flows, memoryOnlyTables, unwrittenWindows, openPackets });
  }
}
