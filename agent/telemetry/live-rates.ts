/** What an interface does now: rates between two looks at its figures, and its open window. */
import type { LiveFigures } from '../model/live-figures.ts';
import type { LIVE, NumbersOf } from './numbers.ts';

export type LiveStatus = NumbersOf<typeof LIVE>;

/** Looks that a rate spans: short enough to be now, long enough for a second more or less not to matter. */
const SPAN_LOOKS = 5;

interface Look {
  readonly atMs: number;
  readonly figures: LiveFigures;
}

export class LiveRates {
  readonly #looks: Look[] = [];

  /** To be called every second or so. @param atMs of a clock that nobody sets */
  look(atMs: number, figures: LiveFigures): void {
    this.#looks.push({ atMs, figures });
    if (this.#looks.length > SPAN_LOOKS + 1) this.#looks.shift();
  }

  read(flowsMax: number, { flows, openPackets }: LiveFigures): LiveStatus {
    const [first] = this.#looks;
    const last = this.#looks.at(-1);
    const seconds = first === undefined || last === undefined ? 0 : (last.atMs - first.atMs) / 1000;
    const rate = (of: (figures: LiveFigures) => number) =>
      seconds > 0 ? Number(((of(last!.figures) - of(first!.figures)) / seconds).toFixed(1)) : 0;
    return {
      packetsPerSecond: rate(({ packets }) => packets),
      bitsPerSecond: rate(({ bytes }) => 8 * bytes),
      lostPacketsPerSecond: rate(({ lostPackets }) => lostPackets),
      openPackets,
      flows,
      flowsMax,
    };
  }
}
