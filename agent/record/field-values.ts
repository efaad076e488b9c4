/**
 * What a record says in each field, as a value of the field's type: for whoever needs numbers, bytes of addresses or texts and
 * not the digits of them. A field of the schema without a row here does not compile. Where printing is hot the row has a
 * writer, too, which makes no value and no object (`field-text.ts`); both say the same, and a test holds them to it.
 */
import type { CcnFieldName, ConstantName, FieldName, FieldRow } from '../../schema/fields.ts';
import type { Annotations } from '../model/annotations.ts';
import type { FlowRecord } from '../model/flow-record.ts';
import type { LogStatus } from '../model/ledger.ts';
import * as text from './field-text.ts';
import type { RowContext } from './row-context.ts';

/** Four or sixteen bytes, network order. */
export type AddressBytes = Uint8Array;

/** A text in nanoseconds is a number that only a bigint holds exactly. */
export type FieldValue<Name extends FieldName = FieldName> = ValueOf<FieldRow<Name>>;
type ValueOf<Row> = Row extends { type: 'integer' }
  ? number
  : Row extends { type: 'address' }
    ? AddressBytes
    : Row extends { unit: 'nanoseconds' }
      ? bigint
      : string;

export interface FieldReader<Value> {
  /** The value in rows that stand for a window, and in all rows of it where a record has none of its own: of a flow's row OK. */
  readonly shared?: (context: RowContext, status: LogStatus) => Value | undefined;
  /** The value of one record; undefined where it has none. @param windowStart Unix seconds; the record's times count from there */
  readonly value?: (record: FlowRecord, windowStart: number) => Value | undefined;
  /** Writes `value` as text, without making it. */
  readonly write?: text.WriteValue;
}

type Readers<Name extends FieldName> = { readonly [name in Name]: FieldReader<FieldValue<name>> };

const VERSION = 2;

const windowStart = ({ windowStart }: RowContext) => windowStart;
const windowEnd = ({ windowStart, windowSeconds }: RowContext) => windowStart + windowSeconds;

const firstSecond: FieldReader<number> = {
  value: ({ firstMicroseconds }, windowStart) => windowStart + Math.floor(firstMicroseconds / 1e6),
  write: text.firstSecond,
};
const lastSecond: FieldReader<number> = {
  value: ({ lastMicroseconds }, windowStart) => windowStart + Math.floor(lastMicroseconds / 1e6),
  write: text.lastSecond,
};

/** Constants have their values from the window's `constants`, by name. */
export const FIELD_READERS: Readers<Exclude<FieldName, ConstantName>> = {
  version: { shared: () => VERSION },
  'account-id': { shared: ({ accountId }) => accountId },
  'interface-id': { shared: ({ interfaceId }) => interfaceId },
  srcaddr: { value: source, write: text.source },
  dstaddr: { value: destination, write: text.destination },
  srcport: { value: ({ sourcePort }) => sourcePort, write: text.sourcePort },
  dstport: { value: ({ destinationPort }) => destinationPort, write: text.destinationPort },
  protocol: { value: ({ protocol }) => protocol, write: text.protocol },
  packets: { value: ({ packets }) => packets, write: text.packets },
  bytes: { value: ({ bytes }) => bytes, write: text.bytes },
  start: { shared: windowStart },
  end: { shared: windowEnd },
  action: {
    value: ({ isAnnotated, annotations }) => (isAnnotated ? annotations.action : 'ACCEPT'),
    write: text.action,
  },
  'log-status': { shared: (_, status) => status },
  'pkt-srcaddr': { value: translated(source, translatedSource), write: text.translatedSource },
  'pkt-dstaddr': { value: translated(destination, translatedDestination), write: text.translatedDestination },
  'pkt-srcport': {
    value: translated(
      ({ sourcePort }) => sourcePort,
      ({ annotations }) => annotations.translatedSourcePort,
    ),
    write: text.translatedSourcePort,
  },
  'pkt-dstport': {
    value: translated(
      ({ destinationPort }) => destinationPort,
      ({ annotations }) => annotations.translatedDestinationPort,
    ),
    write: text.translatedDestinationPort,
  },
  translation: annotation(({ translation }) => (translation === 'none' ? undefined : translation)),
  srcregionid: annotation(({ sourceRegion }) => sourceRegion || undefined),
  dstregionid: annotation(({ destinationRegion }) => destinationRegion || undefined),
  type: { value: ({ family }) => (family === 4 ? 'IPv4' : 'IPv6'), write: text.family },
  'tcp-flags': { value: ({ tcpFlags }) => tcpFlags, write: text.tcpFlags },
  'wire-packets': { value: ({ packets, furtherPackets }) => sum(packets, furtherPackets) },
  'wire-bytes': { value: ({ bytes, furtherBytes }) => sum(bytes, furtherBytes) },
  'icmp-type': { value: ({ icmpType }) => (icmpType < 0 ? undefined : icmpType) },
  'icmp-code': { value: ({ icmpCode }) => (icmpCode < 0 ? undefined : icmpCode) },
  direction: annotation(({ direction }) => (direction === 'unknown' ? undefined : direction)),
  initiator: annotation(({ initiator }) => (initiator === 'unknown' ? undefined : initiator)),
  'initiator-evidence': annotation(({ initiatorEvidence: why }) => (why === 'none' ? undefined : why)),
  'reject-rule': annotation(({ rejectRule }) => rejectRule || undefined),
  'handshake-rtt': annotation(({ handshakeMicroseconds }) => handshakeMicroseconds || undefined),
  first: firstSecond,
  last: lastSecond,
  'start-ns': { value: (record, start) => nanoseconds(start, record.firstMicroseconds), write: text.firstNanosecond },
  'end-ns': { value: (record, start) => nanoseconds(start, record.lastMicroseconds), write: text.lastNanosecond },
  'window-start': { shared: windowStart },
  'window-end': { shared: windowEnd },
};

export const CCN_READERS: Readers<CcnFieldName> = {
  srcport: {
    value: (record) => (text.hasPorts(record) ? record.sourcePort : undefined),
    write: text.sourcePortWhereAny,
  },
  dstport: {
    value: (record) => (text.hasPorts(record) ? record.destinationPort : undefined),
    write: text.destinationPortWhereAny,
  },
  start: { shared: windowStart, ...firstSecond },
  end: { shared: windowEnd, ...lastSecond },
};

type ValueOfRecord<Value> = (record: FlowRecord) => Value;

/** A value that only annotations know. */
function annotation<Value>(of: (annotations: Annotations) => Value | undefined): FieldReader<Value> {
  return { value: ({ isAnnotated, annotations }) => (isAnnotated ? of(annotations) : undefined) };
}

/** The other side of a translation, the same side where nothing is translated, nothing where that is not known. */
function translated<Value>(own: ValueOfRecord<Value>, other: ValueOfRecord<Value>): ValueOfRecord<Value | undefined> {
  return (record) => {
    const translation = record.isAnnotated ? record.annotations.translation : 'none';
    if (translation === 'same') return own(record);
    return translation === 'matched' ? other(record) : undefined;
  };
}

function source({ family, source0, source1, source2, source3 }: FlowRecord): AddressBytes {
  return addressBytes(family, [source0, source1, source2, source3]);
}

function destination({ family, destination0, destination1, destination2, destination3 }: FlowRecord): AddressBytes {
  return addressBytes(family, [destination0, destination1, destination2, destination3]);
}

function translatedSource({ family, annotations: of }: FlowRecord): AddressBytes {
  return addressBytes(family, [of.translatedSource0, of.translatedSource1, of.translatedSource2, of.translatedSource3]);
}

function translatedDestination({ family, annotations: of }: FlowRecord): AddressBytes {
  return addressBytes(family, [
    of.translatedDestination0,
    of.translatedDestination1,
    of.translatedDestination2,
    of.translatedDestination3,
  ]);
}

function addressBytes(family: 4 | 6, words: readonly number[]): AddressBytes {
  const bytes = new DataView(new ArrayBuffer(family === 4 ? 4 : 16));
  for (let at = 0; at < bytes.byteLength; at += 4) bytes.setUint32(at, words[at / 4]!);
  return new Uint8Array(bytes.buffer);
}

/** What no number holds exactly is the largest that one does. */
function sum(counted: number, further: number): number {
  return Math.min(counted + further, Number.MAX_SAFE_INTEGER);
}

/** Nanoseconds since 1970 are beyond what a number holds exactly, microseconds are not. */
function nanoseconds(windowStart: number, microseconds: number): bigint {
  return BigInt(windowStart * 1_000_000 + microseconds) * 1000n;
}
