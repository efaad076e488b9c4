/**
 * Pieces of `opentelemetry/proto/logs/v1/logs.proto` and what it imports, for what is written once a batch or once in a process.
 *
 *     ExportLogsServiceRequest = 0a length ResourceLogs
 *     ResourceLogs             = 0a length Resource   12 length ScopeLogs
 *     ScopeLogs                = 0a length Scope      (12 length LogRecord)*
 *     LogRecord                = 09 time  59 observed  10 severity  1a severity-text  62 event-name  (32 length KeyValue)*
 *     KeyValue                 = 0a length key  12 length AnyValue
 *     AnyValue                 = 0a length text | 10 bool | 18 int64 | 21 double
 */
import { writeVarint } from '../../wire/protobuf-writer.ts';

export interface Double {
  readonly double: number;
}
export type AttributeValue = string | number | boolean | Double;
export type Attributes = readonly (readonly [key: string, value: AttributeValue])[];

/** INFO. */
const SEVERITY_NUMBER = 9;
const SEVERITY_TEXT = 'INFO';
const VARINT_BYTES_MAX = 10;

export function delimited(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Uint8Array.of(tag), int64(length), ...parts]);
}

function text(tag: number, value: string): Uint8Array {
  return delimited(tag, Buffer.from(value));
}

/** A whole number up to 2^53 as `int64`, whose negative values are ten bytes of two's complement. */
export function writeInt64(value: number, buffer: Uint8Array, at: number): number {
  if (value >= 0) return writeVarint(value, buffer, at);
  let rest = BigInt.asUintN(64, BigInt(value));
  let end = at;
  for (; rest > 0x7fn; rest >>= 7n) buffer[end++] = Number(rest & 0x7fn) | 0x80;
  buffer[end++] = Number(rest);
  return end;
}

function int64(value: number): Uint8Array {
  const buffer = new Uint8Array(VARINT_BYTES_MAX);
  return buffer.subarray(0, writeInt64(value, buffer, 0));
}

function anyValue(value: AttributeValue): Uint8Array {
  if (typeof value === 'string') return text(0x0a, value);
  if (typeof value === 'boolean') return Uint8Array.of(0x10, value ? 1 : 0);
  if (typeof value === 'number') return Buffer.concat([Uint8Array.of(0x18), int64(value)]);
  const bytes = Buffer.alloc(9);
  bytes[0] = 0x21;
  bytes.writeDoubleLE(value.double, 1);
  return bytes;
}

/** @param tag of the field that holds it: `32` in a record, `0a` in a resource, `1a` in a scope */
export function keyValue(tag: number, key: string, value: AttributeValue): Uint8Array {
  return delimited(tag, text(0x0a, key), delimited(0x12, anyValue(value)));
}

/** What a record begins with. */
export function recordStart(timeMs: number, observedMs: number, eventName: string): Uint8Array {
  return Buffer.concat([
    fixed64(0x09, timeMs),
    fixed64(0x59, observedMs),
    Uint8Array.of(0x10, SEVERITY_NUMBER),
    text(0x1a, SEVERITY_TEXT),
    text(0x62, eventName),
  ]);
}

/** A time before 1970 is none. */
function fixed64(tag: number, milliseconds: number): Uint8Array {
  if (milliseconds <= 0) return new Uint8Array(0);
  const bytes = Buffer.alloc(9);
  bytes[0] = tag;
  bytes.writeBigUInt64LE(BigInt(Math.trunc(milliseconds)) * 1_000_000n, 1);
  return bytes;
}

/** One record as a field of its scope. */
export function recordField(start: Uint8Array, attributes: Attributes): Uint8Array {
  return delimited(0x12, start, ...attributes.map(([key, value]) => keyValue(0x32, key, value)));
}

export function resourceField(attributes: Attributes): Uint8Array {
  return delimited(0x0a, ...attributes.map(([key, value]) => keyValue(0x0a, key, value)));
}

export function scopeField(name: string, attributes: Attributes): Uint8Array {
  return delimited(0x0a, text(0x0a, name), ...attributes.map(([key, value]) => keyValue(0x1a, key, value)));
}

/** What stands before the records, which are `recordBytes`. */
export function requestHead(resource: Uint8Array, scope: Uint8Array, recordBytes: number): Uint8Array {
  const scopeLogs = Buffer.concat([Uint8Array.of(0x12), int64(scope.length + recordBytes), scope]);
  const resourceBytes = resource.length + scopeLogs.length + recordBytes;
  return Buffer.concat([Uint8Array.of(0x0a), int64(resourceBytes), resource, scopeLogs]);
}
/** Two tags, and two lengths below 2^28. */
export const REQUEST_HEAD_BYTES = 10;
