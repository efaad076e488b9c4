import type { Output } from './commands/command.ts';
import type { ObservationPoint } from './model/flow-log.ts';
import { logStatus } from './model/ledger.ts';
import { windowTitle } from './output.ts';
import { formatTable, TopRecords } from './record/table.ts';
import type { OutputWindow } from './replay.ts';

const CLEAR_SCREEN = '\u001b[H\u001b[2J\u001b[3J';
const ROWS = 24;
const WIDTH = 120;
/** Lines of the screen that no flow gets: titles, the line at the bottom, the prompt. */
const OTHER_LINES = 5;

/** The last window of each interface as a table: redrawn in place on a terminal, one table after the other elsewhere. */
export class DebugScreen {
  readonly #stream: Output;
  readonly #windowSeconds: number;
  readonly #endsAt: number;
  readonly #tables = new Map<string, string>();

  constructor(stream: Output, windowSeconds: number, endsAt: number) {
    this.#stream = stream;
    this.#windowSeconds = windowSeconds;
    this.#endsAt = endsAt;
  }

  async show(point: ObservationPoint, window: OutputWindow): Promise<void> {
    const interfaces = this.#tables.has(point.interfaceName) ? this.#tables.size : this.#tables.size + 1;
    const lines = Math.floor((this.#stream.rows || ROWS) / interfaces) - OTHER_LINES;
    const top = new TopRecords(Math.max(lines, 1));
    top.add(window.records());
    const status = logStatus(window.ledger);
    const title = `${point.interfaceName}  ${windowTitle(window.start, top)}${status === 'OK' ? '' : `  ${status}`}`;
    const table = top.records === 0 ? 'no traffic\n' : formatTable(top, this.#stream.columns || WIDTH);
    this.#tables.set(point.interfaceName, `${title}\n${table}\n`);
    this.#stream.write(this.#stream.isTTY === true ? this.#redraw() : `${title}\n${table}\n`);
  }

  #redraw(): string {
    const secondsLeft = Math.max(0, Math.round((this.#endsAt - Date.now()) / 1000));
    const bottom = `next table in ${this.#windowSeconds} s, ends in ${secondsLeft} s, Ctrl-C ends it now\n`;
    return `${CLEAR_SCREEN}${[...this.#tables.values()].join('')}${bottom}`;
  }
}
