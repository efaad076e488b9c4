/**
 * One flow batch as the body of one `POST /v1/logs`: one resource, one scope, a log record for each flow with the fields that the
 * batch names as attributes, and the records that stand for the window. A field without a value is left out.
 */
import { loadEncoder } from '../../encoder/encoder.ts';
import { RowWriter } from '../../encoder/row-writer.ts';
import { type BatchHeader, isLossOfFindings } from '../../model/batch-id.ts';
import { type Column, columnsOf } from '../../record/field-columns.ts';
import {
  ATTRIBUTES_VERSION,
  type AttributeNames,
  attributeColumns,
  isOfResource,
} from '../../record/otel-attributes.ts';
import { contextFlow } from '../../wire/context-flow.ts';
import { FlowBatchReader } from '../../wire/flow-batch-reader.ts';
import { newer } from '../../wire/protobuf-reader.ts';
import { findingRecord } from './finding-records.ts';
import {
  type Attributes,
  REQUEST_HEAD_BYTES,
  recordField,
  recordStart,
  requestHead,
  resourceField,
  scopeField,
} from './message.ts';
import { layOutRecords } from './record-layout.ts';
import { FLOW_EVENT, type WindowRecord, windowRecords } from './window-records.ts';

/** The receiver of the collector takes 20 MiB by default, before compression. */
export const REQUEST_LIMITS = { records: 10_000, bytes: 16 * 2 ** 20 } as const;

export interface LogsRequestOptions {
  readonly names: AttributeNames;
  /** Whether the last part of a window also carries its ledger as a record with attributes of its own. */
  readonly ledgerLog: boolean;
  /** As the system calls the host. */
  readonly hostName: string;
}

export type LogsRequestResult =
  /** `bytes` are good until the next `encode`. */
  | { readonly kind: 'encoded'; readonly bytes: Uint8Array; readonly records: number }
  /** Nothing to say: no record, and none that stands for the window. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'too-large'; readonly reason: string };

/** Encodes batch after batch. */
export class LogsRequestEncoder {
  readonly #options: LogsRequestOptions;
  readonly #bytesMax: number;
  readonly #writer: RowWriter;

  /** @param load the encoder, which writes most records; without one they are written here, to the same bytes */
  constructor(options: LogsRequestOptions, bytesMax: number = REQUEST_LIMITS.bytes, load = loadEncoder) {
    this.#options = options;
    this.#bytesMax = bytesMax;
    this.#writer = new RowWriter(load());
  }

  /** @throws OperationalError `spool.damaged` when the bytes are no batch, `spool.newer` when this version cannot read all of it */
  encode(batch: Uint8Array, observedMs: number): LogsRequestResult {
    const reader = new FlowBatchReader(batch);
    const { header, ledger } = reader;
    const { names, ledgerLog, hostName } = this.#options;
    const columns = attributeColumns(listedColumns(header), names);
    const rows =
      ledger === undefined || isLossOfFindings(header) ? [] : windowRecords(columns, names, header, ledger, ledgerLog);
    const ofWindow = [...rows, ...reader.findings.map(findingRecord)];
    const records = reader.records + ofWindow.length;
    if (records === 0) return { kind: 'empty' };
    const resource = resourceField(resourceAttributes(columns, header, hostName));
    const scope = scopeField('flowlogd', [['flowlogd.attributes.version', ATTRIBUTES_VERSION]]);
    const bytes = this.#write(batch, reader, columns, ofWindow, { resource, scope, observedMs });
    if (bytes === undefined) return { kind: 'too-large', reason: `the batch has more than ${this.#bytesMax} bytes` };
    return { kind: 'encoded', bytes, records };
  }

  /** Undefined once it is too large: so the size of the buffer is bounded by the limit and not by the batch. */
  #write(
    batch: Uint8Array,
    reader: FlowBatchReader,
    columns: readonly Column[],
    ofWindow: readonly WindowRecord[],
    { resource, scope, observedMs }: { resource: Uint8Array; scope: Uint8Array; observedMs: number },
  ): Uint8Array | undefined {
    const { header } = reader;
    const identity = contextFlow(header);
    const startOf = (event: string) => recordStart(timeOf(header), observedMs, event);
    const headBytes = resource.length + scope.length + REQUEST_HEAD_BYTES;
    const ownColumns = columns.filter(({ label }) => !isOfResource(label));
    const form = layOutRecords(ownColumns, header, startOf(FLOW_EVENT), identity);
    const rest = Buffer.concat(
      ofWindow.map(({ event, suffix, attributes }) => {
        const own = attributes.filter(([key]) => !isOfResource(key));
        return recordField(startOf(event), [...own, ['log.record.uid', `${identity}-${suffix}`]]);
      }),
    );
    const writer = this.#writer;
    writer.write(batch, reader, form, headBytes, { bodyBytes: this.#bytesMax, valuesBytes: Number.POSITIVE_INFINITY });
    if (headBytes + writer.bytes + rest.length > this.#bytesMax) return undefined;
    writer.append(rest);
    return writer.finish(requestHead(resource, scope, writer.bytes));
  }
}

function listedColumns({ resourceType, fields }: BatchHeader): readonly Column[] {
  const columns = columnsOf(resourceType, fields);
  if (columns !== undefined) return columns;
  throw newer(`field ${fields.find((name) => columnsOf(resourceType, [name]) === undefined)}`);
}

/** The window's end, in milliseconds. */
function timeOf({ windowStart, windowSeconds }: BatchHeader): number {
  return (windowStart + windowSeconds) * 1000;
}

/** What the fields say of the host wins over what the agent knows of itself. */
function resourceAttributes(columns: readonly Column[], header: BatchHeader, hostName: string): Attributes {
  const listed = columns
    .filter(({ label }) => isOfResource(label))
    .map(({ label, field }) => [label, field.shared?.(header, 'OK')] as const);
  const attributes: Record<string, string | undefined> = {
    'service.name': 'flowlogd',
    'host.name': hostName,
    'host.id': header.hostId,
    'cloud.account.id': header.accountId,
    'flowlogd.flow_log.id': header.flowLogId,
    ...Object.fromEntries(listed.filter(([, value]) => value !== undefined)),
  };
  return Object.entries(attributes).flatMap(([key, value]): Attributes => (value ? [[key, value]] : []));
}
