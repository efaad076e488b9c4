/** What the body of an answer says, where it is a message of OTLP: in protobuf, or in JSON, which some services answer to protobuf. */
import { OperationalError } from '../../model/operational-error.ts';
import type { Rejection } from '../../model/sink.ts';
import { ProtobufReader } from '../../wire/protobuf-reader.ts';
import type { Exchanged } from '../http/exchange.ts';

export type Answer = Extract<Exchanged, { kind: 'answer' }>;

/** `ExportLogsServiceResponse`. */
export interface ExportResponse {
  readonly rejected: Rejection | undefined;
}

/** Undefined for what is no such message: a page of a portal, noise, the half of one. */
export function exportResponse(answer: Answer): ExportResponse | undefined {
  const type = mediaType(answer);
  if (answer.truncated === true) return undefined;
  if (answer.bytes.length === 0) return type === 'text/html' ? undefined : { rejected: undefined };
  if (isJson(type)) return jsonResponse(answer.body);
  return isProtobuf(type) ? understood(() => protobufResponse(answer.bytes)) : undefined;
}

/** What `google.rpc.Status` says in words; undefined where the answer is none, so that it is not a receiver's own. */
export function statusMessage(answer: Answer): string | undefined {
  const type = mediaType(answer);
  if (answer.truncated === true || answer.bytes.length === 0) return undefined;
  if (isJson(type)) {
    const message = object(answer.body)?.['message'];
    return typeof message === 'string' ? message : undefined;
  }
  return isProtobuf(type) ? understood(() => protobufStatus(answer.bytes)) : undefined;
}

export function mediaType({ headers }: Answer): string | undefined {
  return headers['content-type']?.split(';')[0]?.trim().toLowerCase();
}

function isProtobuf(type: string | undefined): boolean {
  return type === 'application/x-protobuf' || type === 'application/protobuf';
}

function isJson(type: string | undefined): boolean {
  return type === 'application/json';
}

function understood<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof OperationalError) return undefined;
    throw error;
  }
}

function protobufResponse(bytes: Uint8Array): ExportResponse {
  const wire = new ProtobufReader(bytes, 0, bytes.length);
  let rejected: Rejection | undefined;
  while (wire.at < wire.end) {
    const tag = wire.tag();
    if (tag === 0x0a) rejected = readPartialSuccess(wire);
    else wire.skip(tag);
  }
  return { rejected };
}

function readPartialSuccess(wire: ProtobufReader): Rejection | undefined {
  let records = 0;
  let reason = '';
  const outerEnd = wire.enter();
  while (wire.at < wire.end) {
    const tag = wire.tag();
    if (tag === 0x08) records = wire.varint();
    else if (tag === 0x12) reason = wire.text();
    else wire.skip(tag);
  }
  wire.leave(outerEnd);
  return rejectionOf(records, reason);
}

function protobufStatus(bytes: Uint8Array): string {
  const wire = new ProtobufReader(bytes, 0, bytes.length);
  let message = '';
  while (wire.at < wire.end) {
    const tag = wire.tag();
    if (tag === 0x12) message = wire.text();
    else wire.skip(tag);
  }
  return message;
}

/** Members beside those of the message are another document's, which says nothing of records. */
function jsonResponse(body: string): ExportResponse | undefined {
  const document = object(body);
  if (document === undefined || Object.keys(document).some((key) => key !== 'partialSuccess')) return undefined;
  const { partialSuccess } = document;
  if (partialSuccess === undefined || partialSuccess === null) return { rejected: undefined };
  if (typeof partialSuccess !== 'object') return undefined;
  const { rejectedLogRecords = 0, errorMessage = '' } = partialSuccess as Record<string, unknown>;
  const records = Number(rejectedLogRecords);
  return Number.isSafeInteger(records) && records >= 0
    ? { rejected: rejectionOf(records, String(errorMessage)) }
    : undefined;
}

/** A message without a number is a warning about records that were taken. */
function rejectionOf(records: number, reason: string): Rejection | undefined {
  return records === 0 ? undefined : { records, reason: reason === '' ? 'no reason given' : reason };
}

function object(body: string): Record<string, unknown> | undefined {
  try {
    const document: unknown = JSON.parse(body);
    return typeof document === 'object' && document !== null && !Array.isArray(document)
      ? (document as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
