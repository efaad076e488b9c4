/** Increments of flows as rows: the fields that the flow log records, and what a conversation is made of. */
import { nameInitiator } from '../annotation/initiator.ts';
import { IncrementCursor, type IncrementOptions } from '../flow/increment-cursor.ts';
import { headerOf } from '../model/batch-id.ts';
import type { FlowLog, ObservationPoint } from '../model/flow-log.ts';
import { createFlowRecord, type FlowRecord, type RecordCursor } from '../model/flow-record.ts';
import { createLedger } from '../model/ledger.ts';
import type { AddressPseudonyms } from '../privacy/address-pseudonyms.ts';
import { fieldNamed } from '../record/catalogue.ts';
import { type Column, columnsOf } from '../record/field-columns.ts';
import { NdjsonPrinter } from '../record/ndjson.ts';
import type { RowContext } from '../record/row-context.ts';
import { ofTrafficType } from '../record/traffic-cursor.ts';
import type { RecordedWindow } from '../spool/recorder.ts';
import { privately } from './private-windows.ts';

/** Beside the documented row of a flow log that names no fields. */
const FURTHER_FIELDS = ['tcp-flags', 'initiator', 'initiator-evidence', 'handshake-rtt', 'reject-rule'];
/** In the rows of every flow log: times and counts are never left out. */
const ALWAYS = ['packets', 'bytes', 'action', 'interface-id', 'start-ns', 'end-ns', 'window-start', 'window-end'];

export interface LiveWindow {
  readonly point: ObservationPoint;
  readonly windowStart: number;
}

export interface PrintedRows {
  readonly rows: Uint8Array;
  readonly flows: number;
  /** Flows that there was no room for, and their packets. */
  readonly deferred: number;
  readonly deferredPackets: number;
}

export interface LiveRowsOptions {
  readonly hostId: string;
  readonly runId: string;
  readonly pseudonyms: AddressPseudonyms | undefined;
}

/** The rows of what a window has more than before. */
export function printIncrements(
  window: LiveWindow,
  increments: IncrementOptions,
  options: LiveRowsOptions,
): PrintedRows {
  const cursor = new IncrementCursor(increments);
  const { point, windowStart } = window;
  const shown = ofTrafficType(withInitiator(cursor), point.flowLog.trafficType);
  const records = privately(asRecorded(window, shown, options), options.pseudonyms).records();
  const printer = new NdjsonPrinter(rowColumns(point.flowLog));
  printer.begin(contextOf(point, windowStart));
  const printed = print(printer, records);
  return { ...printed, deferred: cursor.deferred, deferredPackets: cursor.deferredPackets };
}

function print(printer: NdjsonPrinter, records: RecordCursor): Pick<PrintedRows, 'rows' | 'flows'> {
  let rows = new Uint8Array(64 * 1024);
  let at = 0;
  let flows = 0;
  for (const record = createFlowRecord(); records.next(record); flows++) {
    if (at + printer.bytesMax > rows.length) rows = enlarged(rows, 2 * (rows.length + printer.bytesMax));
    at = printer.print(record, rows, at);
  }
  return { rows: rows.subarray(0, at), flows };
}

function enlarged(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(length);
  larger.set(bytes);
  return larger;
}

/** Of a cursor that knows, of the record it has just loaded, when the answering flow began. */
function withInitiator(cursor: IncrementCursor): RecordCursor {
  return {
    next(record: FlowRecord) {
      if (!cursor.next(record)) return false;
      const { annotations } = record;
      const isRejected = record.isAnnotated && annotations.action === 'REJECT';
      if (!isRejected) annotations.action = 'ACCEPT';
      record.isAnnotated = true;
      annotations.initiator = 'unknown';
      annotations.initiatorEvidence = 'none';
      annotations.handshakeMicroseconds = 0;
      nameInitiator(record, () => cursor.answeredAt());
      return true;
    },
  };
}

/** As the recorder would have it, so that a row says no more than a record of the flow log does. */
function asRecorded(
  { point, windowStart }: LiveWindow,
  records: RecordCursor,
  options: LiveRowsOptions,
): RecordedWindow {
  return {
    point,
    header: headerOf(options, point, windowStart),
    firstPart: 0,
    ledger: createLedger([]),
    heldBytes: 0,
    records: () => records,
    forget: () => undefined,
    release: () => undefined,
  };
}

function contextOf({ flowLog, interfaceId }: ObservationPoint, windowStart: number): RowContext {
  const { windowSeconds, accountId, constants } = flowLog;
  return { windowStart, windowSeconds, accountId, interfaceId, constants };
}

export function rowColumns({ resourceType, fields }: FlowLog): readonly Column[] {
  const own = columnsOf(resourceType, fields)!;
  const further = fields.length === 0 ? [...FURTHER_FIELDS, ...ALWAYS] : ALWAYS;
  const missing = further.filter((name) => !own.some(({ label }) => label === name));
  return [...own, ...missing.map((label) => ({ label, field: fieldNamed(label, resourceType)! }))];
}
