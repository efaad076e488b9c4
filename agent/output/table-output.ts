import { isoText } from '../model/utc-text.ts';
import type { OutputWindow, WindowOutput } from '../model/window-output.ts';
import { counted, humanBytes } from '../record/human.ts';
import { formatTable, TopRecords, type TopSummary } from '../record/table.ts';
import type { ByteDestination } from './byte-destination.ts';

/** The largest flows of every window, for people. */
export class TableOutput implements WindowOutput {
  readonly #rows: number;
  readonly #width: number;
  readonly #destination: ByteDestination;

  constructor(rows: number, width: number, destination: ByteDestination) {
    this.#rows = rows;
    this.#width = width;
    this.#destination = destination;
  }

  async write(window: OutputWindow): Promise<void> {
    const top = new TopRecords(this.#rows);
    top.add(window.records());
    await this.#destination.write(Buffer.from(`${windowTitle(window.start, top)}\n${formatTable(top, this.#width)}\n`));
  }

  async end(): Promise<void> {
    this.#destination.end();
  }

  async abandon(): Promise<void> {
    this.#destination.abandon();
  }
}

/** One line above a window's table. */
export function windowTitle(start: number, top: Pick<TopSummary, 'records' | 'packets' | 'bytes'>): string {
  const text = isoText(start);
  const time = text === undefined ? `second ${start}` : `${text}Z`;
  return `Window ${time}: ${counted(top.records, 'flow')}, ${counted(top.packets, 'packet')}, ${humanBytes(top.bytes)}`;
}
