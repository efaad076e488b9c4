import type { Readable } from 'node:stream';
import type { FlowTally } from '../live-table/flow-tally.ts';
import { INITIAL_STATE, type LiveState, press } from '../live-table/live-keys.ts';
import { type LiveContext, liveLines, rowsFor, type Terminal } from '../live-table/live-table.ts';
import { numericEndpoint, viewOf } from '../live-table/live-view.ts';
import { joinText, sequence, type Text } from '../terminal/styled-text.ts';
import type { TextOutput } from '../terminal/text-output.ts';
import type { Names } from './names.ts';

/** For terminals that do not know their size. */
const ROWS = 24;
const WIDTH = 80;
const CLOCK_MS = 1000;

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
  #names: Names | undefined;
  #clock: NodeJS.Timeout | undefined;

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
    this.#state = press(this.#state, chunk);
    if (this.#state.quit) this.#options.onQuit();
    else this.#redraw();
  };

  readonly #refresh = (): void => {
    if (!this.#state.paused) this.#redraw();
  };

  readonly #redraw = (): void => {
    const { tally, stdin, stdout, color } = this.#options;
    const size = { columns: stdout.columns || WIDTH, rows: stdout.rows || ROWS };
    const terminal: Terminal = { ...size, color, keys: stdin.isTTY === true };
    const context = this.#options.context();
    const view = viewOf(tally, this.#state.choices, rowsFor(terminal, this.#state, context), this.#writer());
    const lines = liveLines(tally, view, this.#state, context, terminal).slice(0, terminal.rows);
    stdout.write(drawn(lines));
  };

  #writer() {
    if (!this.#state.choices.names) return numericEndpoint;
    this.#names ??= this.#options.createNames(this.#refresh);
    const names = this.#names;
    return (...flow: Parameters<typeof numericEndpoint>) => names.write(...flow);
  }
}

/** Cleared before it is written: after a line as long as the terminal is wide the cursor stands on its last cell. */
function drawn(lines: readonly Text[]): Text {
  const last = lines.length - 1;
  const cleared = lines.map((line, index) => joinText([sequence(index === last ? 'clearBelow' : 'clearLine'), line]));
  return joinText([sequence('home'), joinText(cleared, sequence('nextLine'))]);
}
