/**
 * One flow batch as the body of one upload to CLS: a `LogGroupList` with one `LogGroup`, each record a log of the fields that
 * the batch names, as text. A field without a value is left out, not written as `-`: an index that types it as a number would
 * fall over every such log.
 */
import { loadEncoder } from '../../encoder/encoder.ts';
import { RowWriter } from '../../encoder/row-writer.ts';
import { type BatchHeader, isLossOfFindings } from '../../model/batch-id.ts';
import { columnsOf } from '../../record/field-columns.ts';
import { contextFlow } from '../../wire/context-flow.ts';
import { FlowBatchReader } from '../../wire/flow-batch-reader.ts';
import { newer } from '../../wire/protobuf-reader.ts';
import { findingLog } from './finding-logs.ts';
import { layOutLogs } from './log-layout.ts';
import { type Contents, groupEnd, logField, valueBytes, varint } from './message.ts';
import { windowLogs } from './window-logs.ts';

/** What CLS takes in one request (614/87660), with megabytes of 10^6 bytes, the smaller reading. */
export const LOG_GROUP_LIMITS = {
  logs: 10_000,
  /** UTF-8 bytes of one value. */
  valueBytes: 1_000_000,
  /** UTF-8 bytes of all values. */
  valuesBytes: 5_000_000,
  /** The request's body before compression. */
  bodyBytes: 6_000_000,
} as const;
export type LogGroupLimits = { readonly [name in keyof typeof LOG_GROUP_LIMITS]: number };

export interface LogGroupOptions {
  /** The `source` of the logs, an address mostly; undefined names the host as the batch does. */
  readonly source?: string | undefined;
  /** Become `__TAG__.<key>` of every log. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Whether the last part of a window also carries its ledger as a log with fields of its own. */
  readonly ledgerLog: boolean;
}

export type LogGroupResult =
  /** `bytes` are good until the next `encode`. */
  | { readonly kind: 'encoded'; readonly bytes: Uint8Array; readonly logs: number }
  /** Nothing to say: no record, and no row that stands for the window. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'too-large'; readonly reason: string };

const FILENAME = 'flowlogd';
/** Room before the logs for the list's tag and length. */
const LIST_HEAD_BYTES = 6;
const LIST_TAG = 0x0a;

/** Encodes batch after batch. */
export class LogGroupEncoder {
  readonly #options: LogGroupOptions;
  readonly #limits: LogGroupLimits;
  readonly #logs: RowWriter;

  /** @param load the encoder, which writes most logs; without one they are written here, to the same bytes */
  constructor(options: LogGroupOptions, limits: LogGroupLimits = LOG_GROUP_LIMITS, load = loadEncoder) {
    this.#options = options;
    this.#limits = limits;
    this.#logs = new RowWriter(load());
  }

  /** @throws OperationalError `spool.damaged` when the bytes are no batch, `spool.newer` when this version cannot read all of it */
  encode(batch: Uint8Array): LogGroupResult {
    const reader = new FlowBatchReader(batch);
    const { header, ledger } = reader;
    const columns = columnsOf(header.resourceType, header.fields);
    if (columns === undefined) throw newer(`field ${unknownField(header)}`);
    const ofWindow =
      ledger === undefined || isLossOfFindings(header)
        ? []
        : windowLogs(columns, header, ledger, this.#options.ledgerLog);
    const rows = [...ofWindow, ...reader.findings.map(findingLog)];
    const logs = reader.records + rows.length;
    if (logs === 0) return { kind: 'empty' };
    const limits = this.#limits;
    if (logs > limits.logs) return tooLarge(`${logs} logs, and ${limits.logs} are taken at once`);
    const longest = longestValue(header, rows);
    if (longest > limits.valueBytes) return tooLarge(`a value of ${longest} bytes, and ${limits.valueBytes} are taken`);

    this.#logs.write(batch, reader, layOutLogs(columns, header, timeOf(header)), LIST_HEAD_BYTES, limits);
    let total = this.#logs.values;
    for (const row of rows) total += valueBytes(row);
    if (total > limits.valuesBytes) return tooLarge(`values of more than ${limits.valuesBytes} bytes`);
    const bytes = this.#finish(header, rows);
    if (bytes.length > limits.bodyBytes) return tooLarge(`a body of more than ${limits.bodyBytes} bytes`);
    return { kind: 'encoded', bytes, logs };
  }

  /** Rows of the window, and the group's end. */
  #finish(header: BatchHeader, rows: readonly Contents[]): Uint8Array {
    const logs = this.#logs;
    for (const row of rows) logs.append(logField(timeOf(header), row));
    logs.append(
      groupEnd({
        contextFlow: contextFlow(header),
        filename: FILENAME,
        source: this.#options.source ?? header.hostId,
        tags: Object.entries(this.#options.tags ?? {}),
      }),
    );
    return logs.finish(Uint8Array.of(LIST_TAG, ...varint(logs.bytes)));
  }
}

function unknownField({ resourceType, fields }: BatchHeader): string | undefined {
  return fields.find((name) => columnsOf(resourceType, [name]) === undefined);
}

function tooLarge(what: string): LogGroupResult {
  return { kind: 'too-large', reason: `the batch has ${what}` };
}

/** The window's end, in milliseconds. */
function timeOf(header: BatchHeader): number {
  return (header.windowStart + header.windowSeconds) * 1000;
}

/** UTF-8 bytes of the longest value that may be of any length. */
function longestValue({ accountId, interfaceId, constants }: BatchHeader, rows: readonly Contents[]): number {
  const values = [accountId, interfaceId, ...Object.values(constants), ...rows.flat().map(([, value]) => value)];
  return Math.max(...values.map((value) => Buffer.byteLength(value)));
}
