/** What a record says in each field, written down a second time and simply: the oracle for what the formats print. */
import fc from 'fast-check';
import type { WindowHeader } from '../../agent/model/batch-id.ts';
import type { FlowRecord } from '../../agent/model/flow-record.ts';
import { CONSTANT_NAMES, isConstant, RECORD_FIELDS } from '../../agent/record/catalogue.ts';
import { addressText } from '../../agent/record/endpoint.ts';
import { FIELD_READERS, type FieldValue } from '../../agent/record/field-values.ts';
import type { FieldName } from '../../schema/fields.ts';
import { batchHeader } from './flow-records.ts';

type Expected = (record: FlowRecord, header: WindowHeader) => string | undefined;

const sourceWords = (of: FlowRecord) => [of.source0, of.source1, of.source2, of.source3];
const destinationWords = (of: FlowRecord) => [of.destination0, of.destination1, of.destination2, of.destination3];
const annotation =
  (of: (annotations: FlowRecord['annotations']) => string | number, nothing: string | number = ''): Expected =>
  ({ isAnnotated, annotations }) =>
    isAnnotated && of(annotations) !== nothing ? String(of(annotations)) : undefined;

/** The other side of a translation. */
function translated(other: (record: FlowRecord) => string, own: (record: FlowRecord) => string): Expected {
  return (record) => {
    const { translation } = record.annotations;
    if (!record.isAnnotated || translation === 'none' || translation === 'unmatched') return undefined;
    return translation === 'same' ? own(record) : other(record);
  };
}

const firstSecond: Expected = (record, { windowStart }) =>
  String(windowStart + Math.floor(record.firstMicroseconds / 1e6));
const lastSecond: Expected = (record, { windowStart }) =>
  String(windowStart + Math.floor(record.lastMicroseconds / 1e6));
const windowStart: Expected = (_, header) => String(header.windowStart);
const windowEnd: Expected = (_, header) => String(header.windowStart + header.windowSeconds);
const nanoseconds = (seconds: number, microseconds: number) =>
  String(BigInt(seconds) * 1_000_000_000n + BigInt(microseconds) * 1000n);
const exactSum = (counted: number, further: number) => {
  const sum = BigInt(counted) + BigInt(further);
  return String(sum > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : sum);
};
const port =
  (of: (record: FlowRecord) => number): Expected =>
  (record, { resourceType }) =>
    resourceType === 'CCN' && ![6, 17].includes(record.protocol) ? undefined : String(of(record));

const EXPECTED: Partial<Readonly<Record<FieldName, Expected>>> = {
  version: () => '2',
  'account-id': (_, { accountId }) => accountId,
  'interface-id': (_, { interfaceId }) => interfaceId,
  srcaddr: (record) => addressText(record.family, sourceWords(record)),
  dstaddr: (record) => addressText(record.family, destinationWords(record)),
  srcport: port(({ sourcePort }) => sourcePort),
  dstport: port(({ destinationPort }) => destinationPort),
  protocol: ({ protocol }) => String(protocol),
  packets: ({ packets }) => String(packets),
  bytes: ({ bytes }) => String(bytes),
  start: (record, header) => (header.resourceType === 'CCN' ? firstSecond : windowStart)(record, header),
  end: (record, header) => (header.resourceType === 'CCN' ? lastSecond : windowEnd)(record, header),
  action: ({ isAnnotated, annotations }) => (isAnnotated ? annotations.action : 'ACCEPT'),
  'log-status': () => 'OK',
  'pkt-srcaddr': translated(
    ({ family, annotations: of }) =>
      addressText(family, [of.translatedSource0, of.translatedSource1, of.translatedSource2, of.translatedSource3]),
    (record) => addressText(record.family, sourceWords(record)),
  ),
  'pkt-dstaddr': translated(
    ({ family, annotations: of }) =>
      addressText(family, [
        of.translatedDestination0,
        of.translatedDestination1,
        of.translatedDestination2,
        of.translatedDestination3,
      ]),
    (record) => addressText(record.family, destinationWords(record)),
  ),
  'pkt-srcport': translated(
    ({ annotations }) => String(annotations.translatedSourcePort),
    ({ sourcePort }) => String(sourcePort),
  ),
  'pkt-dstport': translated(
    ({ annotations }) => String(annotations.translatedDestinationPort),
    ({ destinationPort }) => String(destinationPort),
  ),
  translation: annotation(({ translation }) => translation, 'none'),
  srcregionid: annotation(({ sourceRegion }) => sourceRegion),
  dstregionid: annotation(({ destinationRegion }) => destinationRegion),
  type: ({ family }) => `IPv${family}`,
  'tcp-flags': ({ tcpFlags }) => String(tcpFlags),
  'wire-packets': ({ packets, furtherPackets }) => exactSum(packets, furtherPackets),
  'wire-bytes': ({ bytes, furtherBytes }) => exactSum(bytes, furtherBytes),
  'icmp-type': ({ icmpType }) => (icmpType < 0 ? undefined : String(icmpType)),
  'icmp-code': ({ icmpCode }) => (icmpCode < 0 ? undefined : String(icmpCode)),
  direction: annotation(({ direction }) => direction, 'unknown'),
  initiator: annotation(({ initiator }) => initiator, 'unknown'),
  'initiator-evidence': annotation(({ initiatorEvidence }) => initiatorEvidence, 'none'),
  'reject-rule': annotation(({ rejectRule }) => rejectRule),
  'handshake-rtt': annotation(({ handshakeMicroseconds }) => handshakeMicroseconds, 0),
  first: firstSecond,
  last: lastSecond,
  'start-ns': (record, header) => nanoseconds(header.windowStart, record.firstMicroseconds),
  'end-ns': (record, header) => nanoseconds(header.windowStart, record.lastMicroseconds),
  'window-start': windowStart,
  'window-end': windowEnd,
};

/** A field that is not written down here has the value that its row says, and no other text. */
function expectedText(name: FieldName, record: FlowRecord, header: WindowHeader): string | undefined {
  if (isConstant(name)) return header.constants[name];
  const expected = EXPECTED[name];
  if (expected !== undefined) return expected(record, header);
  const { value, shared } = FIELD_READERS[name];
  return plainText(value === undefined ? shared?.(header, 'OK') : value(record, header.windowStart));
}

/** The text of a typed value. */
export function plainText(value: FieldValue | undefined): string | undefined {
  if (!(value instanceof Uint8Array)) return value?.toString();
  const words = new DataView(value.buffer);
  return addressText(
    value.length === 4 ? 4 : 6,
    Array.from({ length: value.length / 4 }, (_, word) => words.getUint32(4 * word)),
  );
}

/** Headers of batches with lists of fields as flow logs may have them, and values for some of the constants. */
export const listedHeader: fc.Arbitrary<WindowHeader> = fc
  .tuple(
    batchHeader,
    fc.shuffledSubarray(
      RECORD_FIELDS.map(({ name }) => name),
      { minLength: 1 },
    ),
    fc.subarray([...CONSTANT_NAMES]),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
  )
  .map(([header, fields, valued, value]) => ({
    ...header,
    fields,
    constants: Object.fromEntries(valued.map((name) => [name, value])),
  }));

/** What the fields of a record say, those without a value left out. */
export function expectedValues(record: FlowRecord, header: WindowHeader): (readonly [string, string])[] {
  return header.fields.flatMap((name) => {
    const value = expectedText(name as FieldName, record, header);
    return value === undefined ? [] : [[name, value] as const];
  });
}
