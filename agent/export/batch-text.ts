/**
 * The records of a batch as text, one printer for each list of fields. Hot: nothing is allocated for a record, and the bytes are good until
 * the next batch is printed.
 */
import type { BatchHeader } from '../model/batch-id.ts';
import { createFlowRecord } from '../model/flow-record.ts';
import { columnsOf } from '../record/field-columns.ts';
import { ledgerLines } from '../record/ledger-lines.ts';
import { NdjsonPrinter } from '../record/ndjson.ts';
import type { RecordPrinter } from '../record/printer.ts';
import { TextPrinter } from '../record/text.ts';
import { FlowBatchReader } from '../wire/flow-batch-reader.ts';
import { damaged, newer } from '../wire/protobuf-reader.ts';

export const TEXT_FORMATS = ['ndjson', 'text'] as const;
export type TextFormat = (typeof TEXT_FORMATS)[number];

/** What a batch becomes. */
export interface PrintedBatch {
  readonly header: BatchHeader;
  /** The line before the first row of a file; empty where the format has none. */
  readonly titles: string;
  /** Flows, and the row that stands for the window where it needs one. */
  readonly rows: Uint8Array;
  /** The ledger of the window and its largest excluded peers, one JSON object a line; empty but for the last part of a window. */
  readonly ledger: Uint8Array;
}

const START_BYTES = 262_144;
/** Lists of fields of different flow logs, at most; beyond, the printers are made anew. */
const PRINTERS_MAX = 64;
const NOTHING = new Uint8Array(0);

export class BatchText {
  readonly #format: TextFormat;
  readonly #ledgerLog: boolean;
  readonly #printers = new Map<string, RecordPrinter>();
  readonly #record = createFlowRecord();
  #buffer = new Uint8Array(START_BYTES);

  constructor(format: TextFormat, ledgerLog: boolean) {
    this.#format = format;
    this.#ledgerLog = ledgerLog;
  }

  /** @throws OperationalError `spool.damaged`, `spool.newer` */
  print(batch: Uint8Array): PrintedBatch {
    const reader = new FlowBatchReader(batch);
    const { header, ledger } = reader;
    const printer = this.#printerOf(header);
    begin(printer, header);
    let at = 0;
    for (this.#need(at, printer.bytesMax); reader.next(this.#record); this.#need(at, printer.bytesMax)) {
      at = printer.print(this.#record, this.#buffer, at);
    }
    if (ledger !== undefined) at = printer.finish(ledger, this.#buffer, at);
    const rows = this.#buffer.subarray(0, at);
    const lines = ledger === undefined || !this.#ledgerLog ? NOTHING : ledgerLines(header, ledger);
    return { header, titles: printer.header, rows, ledger: lines };
  }

  #printerOf({ resourceType, fields }: BatchHeader): RecordPrinter {
    const key = fieldsKey({ resourceType, fields });
    const known = this.#printers.get(key);
    if (known !== undefined) return known;
    const columns = columnsOf(resourceType, fields);
    if (columns === undefined) throw newer(`field ${fields.find((name) => !columnsOf(resourceType, [name]))}`);
    if (this.#printers.size >= PRINTERS_MAX) this.#printers.clear();
    const printer = this.#format === 'ndjson' ? new NdjsonPrinter(columns) : new TextPrinter(columns);
    this.#printers.set(key, printer);
    return printer;
  }

  #need(at: number, bytes: number): void {
    if (at + bytes <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#buffer.length, at + bytes));
    larger.set(this.#buffer.subarray(0, at));
    this.#buffer = larger;
  }
}

/** @throws OperationalError `spool.damaged` for a name that no configuration allows */
function begin(printer: RecordPrinter, header: BatchHeader): void {
  try {
    printer.begin(header);
  } catch (error) {
    if (error instanceof RangeError) throw damaged(error.message);
    throw error;
  }
}

/** The same for records that have the same columns. */
export function fieldsKey({ resourceType, fields }: Pick<BatchHeader, 'resourceType' | 'fields'>): string {
  return [resourceType, ...fields].join(' ');
}
