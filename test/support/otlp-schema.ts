/** The published OTLP messages, decoded with protobufjs: the oracle for what the agent writes by hand. */
import protobuf from 'protobufjs';

const root = new protobuf.Root();
root.resolvePath = (_, target) => new URL(`../proto/${target}`, import.meta.url).pathname;
root.loadSync('opentelemetry/proto/collector/logs/v1/logs_service.proto');
const service = 'opentelemetry.proto.collector.logs.v1';
export const LogsRequest = root.lookupType(`${service}.ExportLogsServiceRequest`);
export const LogsResponse = root.lookupType(`${service}.ExportLogsServiceResponse`);

export type Value = string | number | boolean | { readonly double: number };
export interface DecodedRecord {
  readonly time: bigint;
  readonly observed: bigint;
  readonly severity: number;
  readonly severityText: string;
  readonly event: string;
  readonly attributes: ReadonlyMap<string, Value>;
}
export interface DecodedLogs {
  readonly resource: ReadonlyMap<string, Value>;
  readonly scope: { readonly name: string; readonly attributes: ReadonlyMap<string, Value> };
  readonly records: readonly DecodedRecord[];
}

interface PlainAttribute {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly intValue?: string;
    readonly boolValue?: boolean;
    readonly doubleValue?: number;
  };
}

/** Refuses a key that stands twice: readers keep one of them. */
function attributesOf(plain: readonly PlainAttribute[] = []): ReadonlyMap<string, Value> {
  const attributes = new Map<string, Value>();
  for (const { key, value } of plain) {
    if (attributes.has(key)) throw new Error(`${key} stands twice`);
    attributes.set(key, plainValue(value));
  }
  return attributes;
}

function plainValue({ stringValue, intValue, boolValue, doubleValue }: PlainAttribute['value']): Value {
  if (intValue !== undefined) return Number(intValue);
  return stringValue ?? boolValue ?? { double: doubleValue! };
}

/** Of a request of one resource and one scope; what was not understood is an error. */
export function decodeLogs(bytes: Uint8Array): DecodedLogs {
  const message = LogsRequest.decode(bytes);
  const plain = LogsRequest.toObject(message, { longs: String });
  const [{ resource, scopeLogs }] = plain['resourceLogs'];
  const [{ scope, logRecords = [] }] = scopeLogs;
  expectSame(LogsRequest.encode(LogsRequest.fromObject(plain)).finish().length, bytes.length, logRecords.length);
  if (plain['resourceLogs'].length + scopeLogs.length !== 2) throw new Error('more than one resource or scope');
  return {
    resource: attributesOf(resource.attributes),
    scope: { name: scope.name, attributes: attributesOf(scope.attributes) },
    records: logRecords.map((record: Record<string, never>) => ({
      time: BigInt(record['timeUnixNano'] ?? 0),
      observed: BigInt(record['observedTimeUnixNano'] ?? 0),
      severity: record['severityNumber'],
      severityText: record['severityText'],
      event: record['eventName'],
      attributes: attributesOf(record['attributes']),
    })),
  };
}

/** A field that the messages do not have is dropped by the decoder, and so is missed here. */
function expectSame(again: number, bytes: number, records: number): void {
  // The length of a record is two bytes, also where one would do.
  if (again > bytes || bytes - again > records) throw new Error(`${bytes} bytes, of which ${again} were understood`);
}

export function partialSuccess(rejectedLogRecords: number, errorMessage: string): Buffer {
  return Buffer.from(
    LogsResponse.encode(LogsResponse.fromObject({ partialSuccess: { rejectedLogRecords, errorMessage } })).finish(),
  );
}
