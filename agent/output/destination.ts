/** Where closed windows go when they are not shipped: printed or encoded into a file or a stream. */
import { closeSync, lstatSync, unlinkSync, writeSync } from 'node:fs';
import { emptyFile, openUnemptied } from '../capture/output-file.ts';
import type { DirectDelivery } from '../export/direct.ts';
import type { WindowHeader } from '../model/batch-id.ts';
import type { FlowLog, ObservationPoint } from '../model/flow-log.ts';
import { createFlowRecord } from '../model/flow-record.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { RecordAnnotator } from '../model/record-annotator.ts';
import type { Sink } from '../model/sink.ts';
import { isoText } from '../model/utc-text.ts';
import type { OutputWindow, WindowOutput } from '../model/window-output.ts';
import { columnsOf } from '../record/field-columns.ts';
import { counted, humanBytes } from '../record/human.ts';
import { NdjsonPrinter } from '../record/ndjson.ts';
import type { RecordPrinter } from '../record/printer.ts';
import type { RowContext } from '../record/row-context.ts';
import { formatTable, TopRecords, type TopSummary } from '../record/table.ts';
import { TextPrinter } from '../record/text.ts';
import type { TextOutput } from '../terminal/text-output.ts';
import { annotatedRecords } from '../threads/annotators.ts';
import { encodeBatches, lengthPrefix } from '../wire/flow-batch.ts';

/** Takes bytes in order; the bytes may be reused once the answer is there. */
export interface ByteDestination {
  write(bytes: Uint8Array): void | Promise<void>;
  end(): void;
  /** Instead of `end`, where records do not come to their end: where nothing was written, as if it had never been opened. */
  abandon(): void;
}

/** Less the umask: whom records are for is up to who asks for them. */
const FILE_MODE = 0o666;

/**
 * Opened at once, so that a bad path is known at once; emptied before the first byte, so that a run which comes to nothing
 * takes nothing away.
 *
 * @throws OperationalError `output.failed`
 */
export function fileDestination(path: string): ByteDestination {
  const failed = (error: unknown) =>
    new OperationalError('output.failed', `Writing records to ${path} failed: ${(error as Error).message}.`, error);
  const attempt = <Result>(action: () => Result): Result => {
    try {
      return action();
    } catch (error) {
      throw failed(error);
    }
  };
  const wasThere = attempt(() => lstatSync(path, { throwIfNoEntry: false })) !== undefined;
  const file = attempt(() => openUnemptied(path, FILE_MODE));
  let isEmptied = false;
  let isOpen = true;
  const empty = () => {
    if (!isEmptied) attempt(() => emptyFile(file));
    isEmptied = true;
  };
  const close = () => {
    isOpen = false;
    attempt(() => closeSync(file));
  };
  return {
    write(bytes) {
      empty();
      attempt(() => {
        for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      });
    },
    end() {
      empty();
      close();
    },
    abandon() {
      if (!isOpen) return;
      close();
      if (!wasThere && !isEmptied) attempt(() => unlinkSync(path));
    },
  };
}

/** Text into standard output. */
export function textDestination(output: TextOutput): ByteDestination {
  return streamDestination((bytes, done) => output.write(bytes, done));
}

/** What is no text into standard output, which is no terminal then. */
export function binaryDestination(output: TextOutput): ByteDestination {
  return streamDestination((bytes, done) => output.writeBinary(bytes, done));
}

/**
 * A reader that goes away is no failure: the command's signal is aborted by it, and nothing more is written. A file, as
 * standard output may be one, throws where a pipe calls back.
 */
function streamDestination(write: (bytes: Uint8Array, done: (error?: Error | null) => void) => void): ByteDestination {
  return {
    write: (bytes) =>
      new Promise<void>((resolve, reject) => {
        write(bytes, (error) => {
          if (error && (error as NodeJS.ErrnoException).code !== 'EPIPE') reject(error);
          else resolve();
        });
      }).catch((error: unknown) => {
        const text = (error as Error).message;
        throw new OperationalError('output.failed', `Writing to standard output failed: ${text}.`, error);
      }),
    end: () => undefined,
    abandon: () => undefined,
  };
}

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

/** Hands windows on with all that is known of their records. */
export class AnnotatedOutput implements WindowOutput {
  readonly #output: WindowOutput;
  readonly #point: ObservationPoint;
  readonly #annotators: readonly RecordAnnotator[];

  constructor(output: WindowOutput, point: ObservationPoint, annotators: readonly RecordAnnotator[]) {
    this.#output = output;
    this.#point = point;
    this.#annotators = annotators;
  }

  async write(window: OutputWindow): Promise<void> {
    const annotated = { point: this.#point, windowStart: window.start, records: () => window.records() };
    await this.#output.write({ ...window, records: () => annotatedRecords(annotated, this.#annotators) });
  }

  end(): Promise<void> {
    return this.#output.end();
  }

  abandon(): Promise<void> {
    return this.#output.abandon();
  }
}

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

/** Batches to a log service, straight from memory. */
export class DeliveredOutput implements WindowOutput {
  readonly #header: ReplayHeader;
  readonly #delivery: DirectDelivery;
  readonly #sink: Sink;
  readonly #parts = new Map<number, number>();

  constructor(header: ReplayHeader, delivery: DirectDelivery, sink: Sink) {
    this.#header = header;
    this.#delivery = delivery;
    this.#sink = sink;
  }

  async write(window: OutputWindow): Promise<void> {
    const firstPart = this.#parts.get(window.start) ?? 0;
    const header = { ...this.#header, windowStart: window.start };
    const batches: Uint8Array[] = [];
    const parts = encodeBatches({ header, cursor: window.records(), ledger: window.ledger, firstPart }, (bytes) =>
      batches.push(bytes.slice()),
    );
    this.#parts.set(window.start, firstPart + parts);
    for (const batch of batches) await this.#delivery.push(batch);
  }

  async end(): Promise<void> {
    try {
      await this.#delivery.drain();
    } finally {
      await this.#sink.close();
    }
  }

  async abandon(): Promise<void> {
    await this.#delivery.abort();
    await this.#sink.close();
  }
}

/** What all batches of a replay say of themselves. */
export type ReplayHeader = Omit<WindowHeader, 'windowStart'>;

/** Length-delimited batches of proto/flowlog.proto. */
export class BatchOutput implements WindowOutput {
  readonly #header: ReplayHeader;
  readonly #destination: ByteDestination;

  constructor(header: ReplayHeader, destination: ByteDestination) {
    this.#header = header;
    this.#destination = destination;
  }

  async write(window: OutputWindow): Promise<void> {
    const batches: Uint8Array[] = [];
    encodeBatches(
      { header: { ...this.#header, windowStart: window.start }, cursor: window.records(), ledger: window.ledger },
      (bytes) => batches.push(Uint8Array.from(lengthPrefix(bytes.length)), bytes.slice()),
    );
    for (const bytes of batches) await this.#destination.write(bytes);
  }

  async end(): Promise<void> {
    this.#destination.end();
  }

  async abandon(): Promise<void> {
    this.#destination.abandon();
  }
}
