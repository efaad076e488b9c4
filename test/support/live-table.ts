/** Keys pressed on a live table, as its screen presses them, without a terminal. */
import type { FlowTally } from '../../agent/live-table/flow-tally.ts';
import { INITIAL_STATE, type LiveState, press, type Shown, settle } from '../../agent/live-table/live-keys.ts';
import { listedOf, orderedFlows } from '../../agent/live-table/live-view.ts';
import type { Listed } from '../../agent/live-table/place.ts';

export function listOf(keys: readonly string[]): Listed {
  return { count: keys.length, keyAt: (index) => keys[index]!, indexOf: (key) => keys.indexOf(key) };
}

/** What a table of this tally shows, with room for so many rows. */
export function shownOf(tally: FlowTally | undefined, rows = 10, pageLines = 0): Shown {
  return {
    listed: (choices) => (tally === undefined ? listOf([]) : listedOf(orderedFlows(tally, choices))),
    pageLines: () => pageLines,
    rows: () => rows,
  };
}

/** Each chunk with a moment after it. */
export function pressed(chunks: readonly string[], shown = shownOf(undefined), from = INITIAL_STATE): LiveState {
  return chunks.reduce((state, chunk) => settle(press(state, chunk, shown), shown), from);
}
