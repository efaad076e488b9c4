/**
 * One flow batch as the body of one upload to CLS: a `LogGroupList` with one `LogGroup`, each record a log of the 14
 * documented fields of an ENI flow log, as text.
 *
 * Hot: an agent in trouble sends millions of records that waited on disk. All that is the same in every log of a batch
 * (time, account, interface, window, status) is encoded once and copied; keys are templates with two holes for lengths;
 * digits and addresses are written in place. Nothing is allocated for a record; tests prove the bytes equal to what the
 * published schema says by decoding them with it.
 */
import type { BatchHeader } from '../model/batch-id.ts';
import { createFlowRecord, type FlowRecord } from '../model/flow-record.ts';
import { type Ledger, logStatus, offeredPackets, type Tally } from '../model/ledger.ts';
import { DECIMAL_BYTES_MAX, IPV6_BYTES_MAX, writeAddress, writeBytes, writeDecimal } from '../record/ascii.ts';
import {
  type Contents,
  contentFields,
  groupEnd,
  logField,
  timeField,
  valueBytes,
  varint,
  varintBytes,
} from './cls-message.ts';
import { contextFlow } from './context-flow.ts';
import { FlowBatchReader } from './flow-batch-reader.ts';

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
const VERSION = '2';

/** `12 length 0a length key 12 length`, the second and the last byte being holes: a content without its value. */
function contentTemplate(key: string): Uint8Array {
  return Uint8Array.of(0x12, 0, 0x0a, key.length, ...Buffer.from(key), 0x12, 0);
}

const SRCADDR = contentTemplate('srcaddr');
const DSTADDR = contentTemplate('dstaddr');
const SRCPORT = contentTemplate('srcport');
const DSTPORT = contentTemplate('dstport');
const PROTOCOL = contentTemplate('protocol');
const PACKETS = contentTemplate('packets');
const BYTES = contentTemplate('bytes');

const TEMPLATE_BYTES =
  SRCADDR.length + DSTADDR.length + SRCPORT.length + DSTPORT.length + PROTOCOL.length + PACKETS.length + BYTES.length;
const VARIABLE_BYTES_MAX = TEMPLATE_BYTES + 2 * IPV6_BYTES_MAX + 5 * DECIMAL_BYTES_MAX;

/** Room before the logs for the list's tag and length. */
const LIST_HEAD_BYTES = 6;
const START_BYTES = 262_144;

/** What every log of one batch has in common. */
interface Frame {
  /** Time, version, account and interface: what stands before the addresses. */
  readonly before: Uint8Array;
  /** Window, action and status: what stands after the counters. */
  readonly after: Uint8Array;
  /** UTF-8 bytes of the values in both. */
  readonly valueBytes: number;
  readonly logBytesMax: number;
}

/** Encodes batch after batch into one buffer, which grows to the largest body at most. */
export class LogGroupEncoder {
  readonly #options: LogGroupOptions;
  readonly #limits: LogGroupLimits;
  readonly #record = createFlowRecord();
  #buffer = new Uint8Array(START_BYTES);

  constructor(options: LogGroupOptions, limits: LogGroupLimits = LOG_GROUP_LIMITS) {
    this.#options = options;
    this.#limits = limits;
  }

  /** @throws OperationalError `spool.damaged` when the bytes are no batch. */
  encode(batch: Uint8Array): LogGroupResult {
    const reader = new FlowBatchReader(batch);
    const rows = reader.ledger === undefined ? [] : windowRows(reader.header, reader.ledger, this.#options.ledgerLog);
    const logs = reader.records + rows.length;
    if (logs === 0) return { kind: 'empty' };
    const limits = this.#limits;
    if (logs > limits.logs) return tooLarge(`${logs} logs, and ${limits.logs} are taken at once`);
    const frame = frameOf(reader.header);
    const values = [...ownValues(reader.header), ...rows.flat().map(([, value]) => value)];
    const longest = Math.max(...values.map((value) => Buffer.byteLength(value)));
    if (longest > limits.valueBytes) return tooLarge(`a value of ${longest} bytes, and ${limits.valueBytes} are taken`);

    const end = this.#writeRecords(reader, frame);
    let total = end.values;
    for (const row of rows) total += valueBytes(row);
    if (total > limits.valuesBytes) return tooLarge(`values of more than ${limits.valuesBytes} bytes`);
    const bytes = this.#finish(end.at, reader.header, rows);
    if (bytes.length > limits.bodyBytes) return tooLarge(`a body of more than ${limits.bodyBytes} bytes`);
    return { kind: 'encoded', bytes, logs };
  }

  /** Stops early once a limit is passed, so that the buffer's size is bounded by the limits and not by the batch. */
  #writeRecords(reader: FlowBatchReader, frame: Frame): { at: number; values: number } {
    const { valuesBytes, bodyBytes } = this.#limits;
    const record = this.#record;
    const fixedBytes = frame.before.length + frame.after.length + TEMPLATE_BYTES;
    const lengthBytes = varintBytes(frame.logBytesMax);
    let at = LIST_HEAD_BYTES;
    let values = 0;
    while (values <= valuesBytes && at <= bodyBytes && reader.next(record)) {
      this.#need(at, frame.logBytesMax);
      const buffer = this.#buffer;
      const start = at + 1 + lengthBytes;
      const end = writeLogBody(record, frame, buffer, start);
      buffer[at] = 0x0a;
      at = writeLength(end - start, lengthBytes, buffer, at + 1);
      values += frame.valueBytes + (end - start - fixedBytes);
    }
    return { at, values };
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

function tooLarge(what: string): LogGroupResult {
  return { kind: 'too-large', reason: `the batch has ${what}` };
}

/** The window's end, in milliseconds. */
function timeOf(header: BatchHeader): number {
  return (header.windowStart + header.windowSeconds) * 1000;
}

/** The values of a batch that may be of any length. */
function ownValues(header: BatchHeader): string[] {
  return [header.accountId, header.interfaceId];
}

function before(header: BatchHeader): Contents {
  return [
    ['version', VERSION],
    ['account-id', header.accountId],
    ['interface-id', header.interfaceId],
  ];
}

function bounds(header: BatchHeader): Contents {
  return [
    ['start', String(header.windowStart)],
    ['end', String(header.windowStart + header.windowSeconds)],
  ];
}

function frameOf(header: BatchHeader): Frame {
  const first = before(header);
  const last: Contents = [...bounds(header), ['action', 'ACCEPT'], ['log-status', 'OK']];
  const head = Buffer.concat([timeField(timeOf(header)), contentFields(first)]);
  const tail = contentFields(last);
  return {
    before: head,
    after: tail,
    valueBytes: valueBytes(first) + valueBytes(last),
    logBytesMax: head.length + tail.length + VARIABLE_BYTES_MAX,
  };
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

function writeLogBody(record: FlowRecord, frame: Frame, buffer: Uint8Array, start: number): number {
  buffer.set(frame.before, start);
  let at = start + frame.before.length;
  const { family } = record;
  let value = writeBytes(SRCADDR, buffer, at);
  let end = writeAddress(family, record.source0, record.source1, record.source2, record.source3, buffer, value);
  at = closeContent(buffer, at, value, end);
  value = writeBytes(DSTADDR, buffer, at);
  end = writeAddress(
    family,
    record.destination0,
    record.destination1,
    record.destination2,
    record.destination3,
    buffer,
    value,
  );
  at = closeContent(buffer, at, value, end);
  at = writeNumber(SRCPORT, record.sourcePort, buffer, at);
  at = writeNumber(DSTPORT, record.destinationPort, buffer, at);
  at = writeNumber(PROTOCOL, record.protocol, buffer, at);
  at = writeNumber(PACKETS, record.packets, buffer, at);
  at = writeNumber(BYTES, record.bytes, buffer, at);
  buffer.set(frame.after, at);
  return at + frame.after.length;
}

function writeNumber(template: Uint8Array, number: number, buffer: Uint8Array, at: number): number {
  const value = writeBytes(template, buffer, at);
  return closeContent(buffer, at, value, writeDecimal(number, buffer, value));
}

/** Fills the two holes of the template at `at`, whose value stands from `value` to `end`; keys and values are below 64 bytes. */
function closeContent(buffer: Uint8Array, at: number, value: number, end: number): number {
  buffer[at + 1] = end - at - 2;
  buffer[value - 1] = end - value;
  return end;
}

/**
 * The rows that stand for the window as a whole: NODATA or SKIPDATA beside the flows, and the ledger. Fields that have no
 * value are left out, not written as `-`: an index that types them as numbers would fall over every such row.
 */
function windowRows(header: BatchHeader, ledger: Ledger, ledgerLog: boolean): Contents[] {
  const rows: Contents[] = [];
  const status = logStatus(ledger);
  if (status !== 'OK') rows.push([...before(header), ...bounds(header), ['log-status', status]]);
  if (ledgerLog) rows.push([...before(header), ...bounds(header), ...ledgerContents(ledger)]);
  return rows;
}

/** The ledger's own fields; none is called as a field of the flows, so that sums over flows do not meet them. */
function ledgerContents(ledger: Ledger): Contents {
  const gapSeconds = ledger.gaps.reduce((sum, gap) => sum + gap.toSeconds - gap.fromSeconds, 0);
  const reasons = [...new Set(ledger.gaps.map((gap) => gap.reason))];
  return [
    ['ledger-status', logStatus(ledger)],
    ['ledger-offered-packets', String(offeredPackets(ledger))],
    ...tallyContents('metered', ledger.metered),
    ...Object.entries(ledger.excluded).flatMap(([rule, tally]) => tallyContents(`excluded-${indexable(rule)}`, tally)),
    ...tallyContents('not-ip', ledger.notIp),
    ...tallyContents('malformed', ledger.malformed),
    ...tallyContents('folded', ledger.folded),
    ['ledger-folded-keys', String(ledger.foldedKeys)],
    ...tallyContents('given-up', ledger.givenUp),
    ...tallyContents('overflowed', ledger.overflowed),
    ['ledger-dropped-by-kernel-packets', String(ledger.droppedByKernel)],
    ['ledger-dropped-by-interface-packets', String(ledger.droppedByInterface)],
    ['ledger-drops-unknown', String(ledger.dropsUnknown)],
    ['ledger-gap-seconds', String(Math.round(gapSeconds * 1000) / 1000)],
    ...(reasons.length === 0 ? [] : [['ledger-gap-reasons', reasons.join(',')] as const]),
  ];
}

function tallyContents(name: string, tally: Tally): Contents {
  return [
    [`ledger-${name}-packets`, String(tally.packets)],
    [`ledger-${name}-bytes`, String(tally.bytes)],
  ];
}

/** The service indexes keys of these characters only. */
function indexable(name: string): string {
  return name.replace(/[^A-Za-z0-9_\-./@]/g, '_');
}
