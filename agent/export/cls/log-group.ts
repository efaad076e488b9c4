/**
 * One flow batch as the body of one upload to CLS: a `LogGroupList` with one `LogGroup`, each record a log of the fields that
 * the batch names, as text. A field without a value is left out, not written as `-`: an index that types it as a number would
 * fall over every such log.
 *
 * Hot: an agent in trouble sends millions of records that waited on disk. All that is the same in every log of a batch
 * (time, account, interface, window, status) is encoded once and copied; keys are templates with two holes for lengths;
 * digits and addresses are written in place. Nothing is allocated for a record; tests prove the bytes equal to what the
 * published schema says by decoding them with it.
 */
import type { BatchHeader } from '../../model/batch-id.ts';
import { createFlowRecord, type FlowRecord } from '../../model/flow-record.ts';
import { writeBytes } from '../../record/ascii.ts';
import { type Column, columnsOf } from '../../record/field-columns.ts';
import { VALUE_BYTES_MAX } from '../../record/field-text.ts';
import { layOutRows, type Row, type RowEncoding, type Rows } from '../../record/row.ts';
import { contextFlow } from '../../wire/context-flow.ts';
import { FlowBatchReader } from '../../wire/flow-batch-reader.ts';
import { newer } from '../../wire/protobuf-reader.ts';
import {
  type Contents,
  contentFields,
  groupEnd,
  logField,
  timeField,
  valueBytes,
  varint,
  varintBytes,
} from './message.ts';
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
const NOTHING = new Uint8Array(0);

const ENCODING: RowEncoding = {
  finished: ({ label }, value) => (value === undefined ? NOTHING : contentFields([[label, value]])),
  open: ({ label }) => contentTemplate(label),
};

/** `12 length 0a length key 12 length`, the second and the last byte being holes: a content without its value. */
function contentTemplate(key: string): Uint8Array {
  return Uint8Array.of(0x12, 0, 0x0a, key.length, ...Buffer.from(key), 0x12, 0);
}

/** What lengths of two bytes add to a content. */
const WIDE_BYTES = 2;
/** Room before the logs for the list's tag and length. */
const LIST_HEAD_BYTES = 6;
const START_BYTES = 262_144;

/** What every log of one batch has in common. */
interface Frame {
  readonly windowStart: number;
  readonly time: Uint8Array;
  readonly rows: Rows;
  readonly logBytesMax: number;
}

/** Encodes batch after batch into one buffer, which grows to the largest body at most. */
export class LogGroupEncoder {
  readonly #options: LogGroupOptions;
  readonly #limits: LogGroupLimits;
  readonly #record = createFlowRecord();
  #buffer = new Uint8Array(START_BYTES);
  /** UTF-8 bytes of the values of the records so far. */
  #values = 0;

  constructor(options: LogGroupOptions, limits: LogGroupLimits = LOG_GROUP_LIMITS) {
    this.#options = options;
    this.#limits = limits;
  }

  /** @throws OperationalError `spool.damaged` when the bytes are no batch, `spool.newer` when this version cannot read all of it */
  encode(batch: Uint8Array): LogGroupResult {
    const reader = new FlowBatchReader(batch);
    const { header, ledger } = reader;
    const columns = columnsOf(header.resourceType, header.fields);
    if (columns === undefined) throw newer(`field ${unknownField(header)}`);
    const rows = ledger === undefined ? [] : windowLogs(columns, header, ledger, this.#options.ledgerLog);
    const logs = reader.records + rows.length;
    if (logs === 0) return { kind: 'empty' };
    const limits = this.#limits;
    if (logs > limits.logs) return tooLarge(`${logs} logs, and ${limits.logs} are taken at once`);
    const longest = longestValue(header, rows);
    if (longest > limits.valueBytes) return tooLarge(`a value of ${longest} bytes, and ${limits.valueBytes} are taken`);

    const end = this.#writeRecords(reader, frameOf(columns, header));
    let total = end.values;
    for (const row of rows) total += valueBytes(row);
    if (total > limits.valuesBytes) return tooLarge(`values of more than ${limits.valuesBytes} bytes`);
    const bytes = this.#finish(end.at, header, rows);
    if (bytes.length > limits.bodyBytes) return tooLarge(`a body of more than ${limits.bodyBytes} bytes`);
    return { kind: 'encoded', bytes, logs };
  }

  /** Stops early once a limit is passed, so that the buffer's size is bounded by the limits and not by the batch. */
  #writeRecords(reader: FlowBatchReader, frame: Frame): { at: number; values: number } {
    const { valuesBytes, bodyBytes } = this.#limits;
    const record = this.#record;
    const lengthBytes = varintBytes(frame.logBytesMax);
    let at = LIST_HEAD_BYTES;
    this.#values = 0;
    while (this.#values <= valuesBytes && at <= bodyBytes && reader.next(record)) {
      this.#need(at, frame.logBytesMax + lengthBytes + 1);
      const buffer = this.#buffer;
      const start = at + 1 + lengthBytes;
      const end = this.#writeLogBody(record, frame, start);
      buffer[at] = 0x0a;
      at = writeLength(end - start, lengthBytes, buffer, at + 1);
    }
    return { at, values: this.#values };
  }

  #writeLogBody(record: FlowRecord, frame: Frame, start: number): number {
    const { windowStart } = frame;
    const { steps, after, valueBytes } = record.isAnnotated ? frame.rows.annotated : frame.rows.plain;
    const buffer = this.#buffer;
    let values = valueBytes;
    let at = copyBytes(frame.time, buffer, start);
    for (let i = 0; i < steps.length; i++) {
      const { before, openingBytes, write, label } = steps[i]!;
      const value = copyBytes(before, buffer, at);
      const end = write(record, windowStart, buffer, value);
      at = value - openingBytes;
      if (end === value) continue;
      values += end - value;
      at = end - at < 0x82 ? closeContent(buffer, at, value, end) : writeWide(label, buffer, at, value, end);
    }
    this.#values += values;
    return copyBytes(after, buffer, at);
  }

  /** Makes room for `bytes` more at `at`. */
  #need(at: number, bytes: number): void {
    if (at + bytes + LIST_HEAD_BYTES <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#buffer.length, at + bytes + LIST_HEAD_BYTES));
    larger.set(this.#buffer.subarray(0, at));
    this.#buffer = larger;
  }

  /** Rows of the window, the group's end, and the list's head, written right before the logs. */
  #finish(at: number, header: BatchHeader, rows: readonly Contents[]): Uint8Array {
    const rest = Buffer.concat([
      ...rows.map((row) => logField(timeOf(header), row)),
      groupEnd({
        contextFlow: contextFlow(header),
        filename: FILENAME,
        source: this.#options.source ?? header.hostId,
        tags: Object.entries(this.#options.tags ?? {}),
      }),
    ]);
    this.#need(at, rest.length);
    this.#buffer.set(rest, at);
    const end = at + rest.length;
    const length = varint(end - LIST_HEAD_BYTES);
    const start = LIST_HEAD_BYTES - length.length - 1;
    this.#buffer[start] = 0x0a;
    this.#buffer.set(length, start + 1);
    return this.#buffer.subarray(start, end);
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

function frameOf(columns: readonly Column[], header: BatchHeader): Frame {
  const rows = layOutRows(columns, header, ENCODING);
  const time = timeField(timeOf(header));
  const logBytesMax = time.length + Math.max(bodyBytesMax(rows.plain), bodyBytesMax(rows.annotated));
  return { windowStart: header.windowStart, time, rows, logBytesMax };
}

function bodyBytesMax({ steps, after }: Row): number {
  return steps.reduce((sum, { before }) => sum + before.length + VALUE_BYTES_MAX + WIDE_BYTES, after.length);
}

/**
 * The length before the log whose body was written behind the widest length it may need; answers the log's end. Narrower
 * lengths happen only where long identifiers put the widest log just over a power of 128: then the body moves.
 */
function writeLength(length: number, lengthBytes: number, buffer: Uint8Array, at: number): number {
  const narrower = varintBytes(length);
  if (narrower !== lengthBytes) buffer.copyWithin(at + narrower, at + lengthBytes, at + lengthBytes + length);
  let rest = length;
  let end = at;
  while (rest > 0x7f) {
    buffer[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[end++] = rest;
  return end + length;
}

/** Fills the two holes of the template at `at`, whose value stands from `value` to `end`: 127 bytes at most. */
function closeContent(buffer: Uint8Array, at: number, value: number, end: number): number {
  buffer[at + 1] = end - at - 2;
  buffer[value - 1] = end - value;
  return end;
}

/** Of a few texts the lengths do not fit the holes. */
function writeWide(key: string, buffer: Uint8Array, at: number, value: number, end: number): number {
  const content = contentFields([[key, new TextDecoder().decode(buffer.subarray(value, end))]]);
  buffer.set(content, at);
  return at + content.length;
}

/** Short pieces byte by byte, because a call of `set` costs as much as some dozens of them. */
function copyBytes(bytes: Uint8Array, buffer: Uint8Array, at: number): number {
  if (bytes.length < 48) return writeBytes(bytes, buffer, at);
  buffer.set(bytes, at);
  return at + bytes.length;
}
