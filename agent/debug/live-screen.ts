import type { Readable } from 'node:stream';
import { detailLines } from '../live-table/details.ts';
import type { FlowTally } from '../live-table/flow-tally.ts';
import { INITIAL_STATE, type LiveState, press, type Shown, settle } from '../live-table/live-keys.ts';
import { helpPage, type LiveContext, liveLines, type Page, rowsFor, type Terminal } from '../live-table/live-table.ts';
import {
  listedOf,
  numericEndpoint,
  type Ordered,
  orderedFlows,
  partOf,
  type ViewChoices,
} from '../live-table/live-view.ts';
import { type Listed, placed, scrolled } from '../live-table/place.ts';
import { joinText, sequence, type Text } from '../terminal/styled-text.ts';
import type { TextOutput } from '../terminal/text-output.ts';
import type { Names } from './names.ts';

/** For terminals that do not know their size. */
const ROWS = 24;
const WIDTH = 80;
const CLOCK_MS = 1000;
/** The rest of a key comes sooner, also from afar. */
const KEY_MS = 100;
/** Names come one by one; the table is drawn for all of this time at once. */
const NAMES_MS = 250;

/** Standard input when it is a terminal. */
export type Keyboard = Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };

export interface LiveScreenOptions {
  readonly tally: FlowTally;
  readonly stdin: Keyboard;
  readonly stdout: TextOutput;
  readonly color: boolean;
  /** Makes the names, once they are asked for. */
  readonly createNames: (onName: () => void) => Names;
  readonly context: () => LiveContext;
  readonly onQuit: () => void;
}

/** The tally on the other screen of the terminal, drawn again with every window, key and second. Owns the terminal from `start` to `end`. */
export class LiveScreen {
  readonly #options: LiveScreenOptions;
  #state: LiveState = INITIAL_STATE;
  /** While the table is held still. */
  #still: FlowTally | undefined;
  /** The last order that was made, and of what: keys and resizes alone do not make it again. */
  #order:
    | { readonly tally: FlowTally; readonly of: string; readonly ordered: Ordered; readonly listed: Listed }
    | undefined;
  #names: Names | undefined;
  #namesKnown = 0;
  #clock: NodeJS.Timeout | undefined;
  #keyTimer: NodeJS.Timeout | undefined;
  #nameTimer: NodeJS.Timeout | undefined;

  constructor(options: LiveScreenOptions) {
    this.#options = options;
  }

  /** The sort order, filter and names that the user chose last. */
  get choices() {
    return this.#state.choices;
  }

  start(): void {
    const { stdin, stdout } = this.#options;
    stdout.write(sequence('enterScreen'));
    process.once('exit', this.#leave);
    stdout.onResize(this.#redraw);
    this.#clock = setInterval(this.#refresh, CLOCK_MS);
    if (stdin.isTTY === true) {
      stdin.setRawMode?.(true);
      stdin.setEncoding('utf8').on('data', this.#pressed).resume();
    }
    this.#redraw();
  }

  /** There is something new to see. */
  refresh(): void {
    this.#refresh();
  }

  end(): void {
    const { stdin, stdout } = this.#options;
    clearInterval(this.#clock);
    clearTimeout(this.#keyTimer);
    clearTimeout(this.#nameTimer);
    stdout.offResize(this.#redraw);
    stdin.off('data', this.#pressed).pause();
    this.#leave();
    process.off('exit', this.#leave);
  }

  readonly #leave = (): void => {
    const { stdin, stdout } = this.#options;
    if (stdin.isTTY === true) stdin.setRawMode?.(false);
    stdout.write(sequence('leaveScreen'));
  };

  readonly #pressed = (chunk: string): void => {
    clearTimeout(this.#keyTimer);
    this.#enter(press(this.#state, chunk, this.#shown));
    if (this.#state.unread === '') return;
    this.#keyTimer = setTimeout(() => this.#enter(settle(this.#state, this.#shown)), KEY_MS);
  };

  #enter(state: LiveState): void {
    this.#state = state;
    if (!state.paused) this.#still = undefined;
    else this.#still ??= this.#options.tally.copy();
    if (state.quit) this.#options.onQuit();
    else this.#redraw();
  }

  readonly #refresh = (): void => {
    if (!this.#state.paused) this.#redraw();
  };

  readonly #redraw = (): void => {
    const { stdout } = this.#options;
    const [terminal, context] = [this.#terminal(), this.#options.context()];
    const rows = rowsFor(terminal, context);
    const { ordered, listed } = this.#orderOf(this.#state.choices);
    const page = this.#page(this.#state);
    // Details stay those of their flow, also where the table is without it.
    const place = this.#state.page === 'details' ? this.#state.place : placed(this.#state.place, listed, rows);
    const pageOffset = scrolled(this.#state.pageOffset, undefined, page?.lines.length ?? 0, rows);
    this.#state = { ...this.#state, place, pageOffset };
    const view = partOf(this.#tally, ordered, place.offset, rows, this.#writer(this.#state.choices));
    stdout.write(drawn(liveLines(this.#tally, view, this.#state, context, terminal, page).slice(0, terminal.rows)));
  };

  readonly #shown: Shown = {
    listed: (choices) => this.#orderOf(choices).listed,
    pageLines: (state) => this.#page(state)?.lines.length ?? 0,
    rows: () => rowsFor(this.#terminal(), this.#options.context()),
  };

  get #tally(): FlowTally {
    return this.#still ?? this.#options.tally;
  }

  #terminal(): Terminal {
    const { stdin, stdout, color } = this.#options;
    return { columns: stdout.columns || WIDTH, rows: stdout.rows || ROWS, color, keys: stdin.isTTY === true };
  }

  #page(state: LiveState): Page | undefined {
    if (state.page === 'help') return helpPage(this.#terminal());
    const { selected } = state.place;
    if (state.page === undefined || selected === undefined) return undefined;
    const { grouping, names } = state.choices;
    const width = this.#terminal().columns;
    const options = { grouping, width, hasVerdicts: this.#options.context().hasRejects };
    const write = names ? this.#writer(state.choices) : undefined;
    return { title: 'details', lines: detailLines(selected, this.#tally, { ...options, names: write }) };
  }

  #orderOf(choices: ViewChoices) {
    const tally = this.#tally;
    const { sort, filter, grouping, hidesFinished, names } = choices;
    // Names are part of what a filter is asked of.
    const known = names && filter !== '' ? this.#namesKnown : names;
    const of = JSON.stringify([sort, filter, grouping, hidesFinished, known, tally.windows, tally.isOver]);
    if (this.#order?.tally !== tally || this.#order.of !== of) {
      const ordered = orderedFlows(tally, choices, this.#writer(choices));
      this.#order = { tally, of, ordered, listed: listedOf(ordered) };
    }
    return this.#order;
  }

  #writer({ names: isOn }: ViewChoices) {
    if (!isOn) return numericEndpoint;
    this.#names ??= this.#options.createNames(this.#onName);
    const names = this.#names;
    return (...end: Parameters<typeof numericEndpoint>) => names.write(...end);
  }

  readonly #onName = (): void => {
    this.#namesKnown += 1;
    this.#nameTimer ??= setTimeout(() => {
      this.#nameTimer = undefined;
      this.#refresh();
    }, NAMES_MS);
  };
}

/** Cleared before it is written: after a line as long as the terminal is wide the cursor stands on its last cell. */
function drawn(lines: readonly Text[]): Text {
  const last = lines.length - 1;
  const cleared = lines.map((line, index) => joinText([sequence(index === last ? 'clearBelow' : 'clearLine'), line]));
  return joinText([sequence('home'), joinText(cleared, sequence('nextLine'))]);
}
