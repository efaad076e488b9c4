/**
 * What a record says in each field, written as text into the caller's buffer. A writer puts its bytes at `at` and answers the
 * offset after them; where the record has no value it writes nothing and answers `at`, and the format decides how nothing
 * looks. Hot: they run a dozen times for each record, and make no object.
 */
import { ANNOTATION_TEXT_BYTES_MAX } from '../model/annotations.ts';
import type { FlowRecord } from '../model/flow-record.ts';
import { template, writeAddress, writeBytes, writeDecimal, writeInteger } from './ascii.ts';

/** @param windowStart Unix seconds; the record's times count from there */
export type WriteValue = (record: FlowRecord, windowStart: number, buffer: Uint8Array, at: number) => number;

type ReadValue = (record: FlowRecord, windowStart: number) => number | bigint | string | Uint8Array | undefined;

/** The longest of them is a text. */
export const VALUE_BYTES_MAX = ANNOTATION_TEXT_BYTES_MAX;

const TCP = 6;
const UDP = 17;
const ZERO = 0x30;

export const source: WriteValue = (record, _, buffer, at) =>
  writeAddress(record.family, record.source0, record.source1, record.source2, record.source3, buffer, at);

export const destination: WriteValue = (record, _, buffer, at) =>
  writeAddress(
    record.family,
    record.destination0,
    record.destination1,
    record.destination2,
    record.destination3,
    buffer,
    at,
  );

export const sourcePort: WriteValue = (record, _, buffer, at) => writeDecimal(record.sourcePort, buffer, at);
export const destinationPort: WriteValue = (record, _, buffer, at) => writeDecimal(record.destinationPort, buffer, at);

/** Of TCP and UDP only. */
export const sourcePortWhereAny: WriteValue = (record, windowStart, buffer, at) =>
  hasPorts(record) ? sourcePort(record, windowStart, buffer, at) : at;
export const destinationPortWhereAny: WriteValue = (record, windowStart, buffer, at) =>
  hasPorts(record) ? destinationPort(record, windowStart, buffer, at) : at;

export function hasPorts({ protocol }: FlowRecord): boolean {
  return protocol === TCP || protocol === UDP;
}

export const protocol: WriteValue = (record, _, buffer, at) => writeDecimal(record.protocol, buffer, at);
export const packets: WriteValue = (record, _, buffer, at) => writeDecimal(record.packets, buffer, at);
export const bytes: WriteValue = (record, _, buffer, at) => writeDecimal(record.bytes, buffer, at);
export const tcpFlags: WriteValue = (record, _, buffer, at) => writeDecimal(record.tcpFlags, buffer, at);

export const firstSecond: WriteValue = (record, windowStart, buffer, at) =>
  writeInteger(windowStart + Math.floor(record.firstMicroseconds / 1_000_000), buffer, at);
export const lastSecond: WriteValue = (record, windowStart, buffer, at) =>
  writeInteger(windowStart + Math.floor(record.lastMicroseconds / 1_000_000), buffer, at);

export const firstNanosecond: WriteValue = (record, windowStart, buffer, at) =>
  writeThousands(windowStart * 1_000_000 + record.firstMicroseconds, buffer, at);
export const lastNanosecond: WriteValue = (record, windowStart, buffer, at) =>
  writeThousands(windowStart * 1_000_000 + record.lastMicroseconds, buffer, at);

/** A thousand times the value: nanoseconds since 1970 are beyond what a number holds exactly, microseconds are not. */
function writeThousands(value: number, buffer: Uint8Array, at: number): number {
  const end = writeInteger(value, buffer, at);
  if (value === 0) return end;
  buffer[end] = ZERO;
  buffer[end + 1] = ZERO;
  buffer[end + 2] = ZERO;
  return end + 3;
}

const IPV4 = template('IPv4');
const IPV6 = template('IPv6');

export const family: WriteValue = (record, _, buffer, at) => writeBytes(record.family === 4 ? IPV4 : IPV6, buffer, at);

const ACCEPT = template('ACCEPT');
const REJECT = template('REJECT');

export const action: WriteValue = (record, _, buffer, at) =>
  writeBytes(record.isAnnotated && record.annotations.action === 'REJECT' ? REJECT : ACCEPT, buffer, at);

/** Writes what has to be made anyway, or is asked for seldom. */
export function valueWriter(read: ReadValue): WriteValue {
  return (record, windowStart, buffer, at) => {
    const value = read(record, windowStart);
    if (value === undefined) return at;
    if (typeof value === 'number') return writeInteger(value, buffer, at);
    if (typeof value === 'string') return writeText(value, buffer, at);
    return typeof value === 'bigint' ? writeText(String(value), buffer, at) : writeAddressBytes(value, buffer, at);
  };
}

function writeAddressBytes(bytes: Uint8Array, buffer: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word0 = view.getUint32(0);
  if (bytes.length === 4) return writeAddress(4, word0, 0, 0, 0, buffer, at);
  return writeAddress(6, word0, view.getUint32(4), view.getUint32(8), view.getUint32(12), buffer, at);
}

const UTF8 = new TextEncoder();

/** A text that is too long is cut, at a whole character. */
function writeText(text: string, buffer: Uint8Array, at: number): number {
  const length = text.length;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f || i === ANNOTATION_TEXT_BYTES_MAX) {
      return at + UTF8.encodeInto(text, buffer.subarray(at, at + ANNOTATION_TEXT_BYTES_MAX)).written;
    }
    buffer[at + i] = unit;
  }
  return at + length;
}

/** The other side of a translation, the same side where nothing is translated, nothing where that is not known. */
export const translatedSource: WriteValue = (record, windowStart, buffer, at) => {
  if (!record.isAnnotated) return at;
  const of = record.annotations;
  if (of.translation === 'same') return source(record, windowStart, buffer, at);
  if (of.translation !== 'matched') return at;
  const { translatedSource0, translatedSource1, translatedSource2, translatedSource3 } = of;
  return writeAddress(
    record.family,
    translatedSource0,
    translatedSource1,
    translatedSource2,
    translatedSource3,
    buffer,
    at,
  );
};

export const translatedDestination: WriteValue = (record, windowStart, buffer, at) => {
  if (!record.isAnnotated) return at;
  const of = record.annotations;
  if (of.translation === 'same') return destination(record, windowStart, buffer, at);
  if (of.translation !== 'matched') return at;
  return writeAddress(
    record.family,
    of.translatedDestination0,
    of.translatedDestination1,
    of.translatedDestination2,
    of.translatedDestination3,
    buffer,
    at,
  );
};

export const translatedSourcePort: WriteValue = (record, windowStart, buffer, at) => {
  if (!record.isAnnotated) return at;
  const of = record.annotations;
  if (of.translation === 'same') return sourcePort(record, windowStart, buffer, at);
  return of.translation === 'matched' ? writeDecimal(of.translatedSourcePort, buffer, at) : at;
};

export const translatedDestinationPort: WriteValue = (record, windowStart, buffer, at) => {
  if (!record.isAnnotated) return at;
  const of = record.annotations;
  if (of.translation === 'same') return destinationPort(record, windowStart, buffer, at);
  return of.translation === 'matched' ? writeDecimal(of.translatedDestinationPort, buffer, at) : at;
};
