import type { FlowLog } from '../model/flow-log.ts';
import { createFlowRecord } from '../model/flow-record.ts';
import type { OutputWindow, WindowOutput } from '../model/window-output.ts';
import { columnsOf } from '../record/field-columns.ts';
import { NdjsonPrinter } from '../record/ndjson.ts';
import type { RecordPrinter } from '../record/printer.ts';
import type { RowContext } from '../record/row-context.ts';
import { TextPrinter } from '../record/text.ts';
import type { ByteDestination } from './byte-destination.ts';

/** Prints the format's own row where no fields are named. */
export function createPrinter(
  format: 'ndjson' | 'text',
  { resourceType, fields }: Pick<FlowLog, 'resourceType' | 'fields'>,
): RecordPrinter {
  const columns = fields.length === 0 ? undefined : columnsOf(resourceType, fields);
  return format === 'ndjson' ? new NdjsonPrinter(columns) : new TextPrinter(columns);
}

/** Gathers printed records before they are written: large enough to make the calls rare, small enough for the cache. */
const PRINT_BYTES = 256 * 1024;

/** Prints every record of a window, one after the other, in the order of the table; before the first window the header. */
export class PrintedOutput implements WindowOutput {
  readonly #printer: RecordPrinter;
  readonly #context: Omit<RowContext, 'windowStart'>;
  readonly #destination: ByteDestination;
  #header: string;
  readonly #buffer = new Uint8Array(PRINT_BYTES);
  readonly #record = createFlowRecord();

  /** @param header `printer.header`, or nothing where there is to be none */
  constructor(
    printer: RecordPrinter,
    context: Omit<RowContext, 'windowStart'>,
    destination: ByteDestination,
    header: string,
  ) {
    this.#printer = printer;
    this.#context = context;
    this.#destination = destination;
    this.#header = header;
  }

  async write(window: OutputWindow): Promise<void> {
    await this.#writeHeader();
    const printer = this.#printer;
    const record = this.#record;
    const records = window.records();
    const full = this.#buffer.length - printer.bytesMax;
    printer.begin({ ...this.#context, windowStart: window.start });
    let at = 0;
    while (records.next(record)) {
      if (at > full) {
        await this.#destination.write(this.#buffer.subarray(0, at));
        at = 0;
      }
      at = printer.print(record, this.#buffer, at);
    }
    if (at > full) {
      await this.#destination.write(this.#buffer.subarray(0, at));
      at = 0;
    }
    at = printer.finish(window.ledger, this.#buffer, at);
    await this.#destination.write(this.#buffer.subarray(0, at));
  }

  async end(): Promise<void> {
    this.#destination.end();
  }

  async abandon(): Promise<void> {
    this.#destination.abandon();
  }

  async #writeHeader(): Promise<void> {
    if (this.#header !== '') await this.#destination.write(Buffer.from(this.#header));
    this.#header = '';
  }
}
