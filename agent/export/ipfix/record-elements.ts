/**
 * Which information element a field of a record is, and how its value is written: a field of the schema without a row here does not
 * compile. Numbers of IANA are those of the schema. A template has the elements of the listed fields in the order of this table, and then
 * the times of the packets, which collectors need and which every record has.
 */
import { FIELDS, type FieldName } from '../../../schema/fields.ts';
import type { BatchHeader } from '../../model/batch-id.ts';
import type { FlowRecord } from '../../model/flow-record.ts';
import { fieldNamed } from '../../record/catalogue.ts';
import type { InformationElement, Unit } from './information-element.ts';
import { VARIABLE_LENGTH, writeUint8, writeUint16, writeUint32, writeUint64 } from './octets.ts';
import { fieldElement, SHARED_NUMBERS } from './own-elements.ts';

/** Writes the value of a record, whose times count from the window's start; answers where it ended. */
export type WriteElement = (record: FlowRecord, _: Window, buffer: Uint8Array, at: number) => number;
export type Window = Pick<BatchHeader, 'windowStart' | 'windowSeconds'>;

/** What some records have and others do not: a bit each, and templates of their own. */
export const PRESENCE = { icmp: 1, direction: 2, translation: 4 } as const;

export interface RecordElement {
  /** For each family. */
  readonly 4: InformationElement;
  readonly 6: InformationElement;
  readonly write: WriteElement;
  /** 0 for what every record has. */
  readonly presence: number;
}

/** `none`: the ledger says it; a name: all records of a domain share it; of another field: that one is the same. */
type Row = RecordElement | 'none' | 'shared' | { readonly sameAs: FieldName };

const FORWARDED = 0x40;
const DROPPED = 0x80;
/** Seconds from 1900, where times in nanoseconds count from (RFC 7011 section 6.1.9), to 1970. */
const NTP_SECONDS = 2_208_988_800;

const ROWS: Readonly<Record<FieldName, Row>> = {
  srcaddr: address('srcaddr', (record, _, buffer, at) =>
    writeAddress(record.family, record.source0, record.source1, record.source2, record.source3, buffer, at),
  ),
  dstaddr: address('dstaddr', (record, _, buffer, at) =>
    writeAddress(
      record.family,
      record.destination0,
      record.destination1,
      record.destination2,
      record.destination3,
      buffer,
      at,
    ),
  ),
  srcport: registered('srcport', 2, ({ sourcePort }, _, buffer, at) => writeUint16(sourcePort, buffer, at)),
  dstport: registered('dstport', 2, ({ destinationPort }, _, buffer, at) => writeUint16(destinationPort, buffer, at)),
  protocol: registered('protocol', 1, ({ protocol }, _, buffer, at) => writeUint8(protocol, buffer, at)),
  'tcp-flags': registered('tcp-flags', 1, ({ tcpFlags }, _, buffer, at) => writeUint8(tcpFlags, buffer, at)),
  packets: registered('packets', 8, ({ packets }, _, buffer, at) => writeUint64(packets, buffer, at)),
  bytes: registered('bytes', 8, ({ bytes }, _, buffer, at) => writeUint64(bytes, buffer, at)),
  type: registered('type', 1, ({ family }, _, buffer, at) => writeUint8(family, buffer, at)),
  action: registered('action', 1, ({ isAnnotated, annotations }, _, buffer, at) =>
    writeUint8(isAnnotated && annotations.action === 'REJECT' ? DROPPED : FORWARDED, buffer, at),
  ),
  'icmp-type': registered(
    'icmp-type',
    1,
    ({ icmpType }, _, buffer, at) => writeUint8(icmpType, buffer, at),
    PRESENCE.icmp,
  ),
  'icmp-code': registered(
    'icmp-code',
    1,
    ({ icmpCode }, _, buffer, at) => writeUint8(icmpCode, buffer, at),
    PRESENCE.icmp,
  ),
  direction: registered(
    'direction',
    1,
    ({ annotations }, _, buffer, at) => writeUint8(annotations.direction === 'egress' ? 1 : 0, buffer, at),
    PRESENCE.direction,
  ),
  'pkt-srcaddr': address('pkt-srcaddr', writeTranslatedSource, PRESENCE.translation),
  'pkt-dstaddr': address('pkt-dstaddr', writeTranslatedDestination, PRESENCE.translation),
  'pkt-srcport': registered(
    'pkt-srcport',
    2,
    ({ sourcePort, annotations: { translation, translatedSourcePort } }, _, buffer, at) =>
      writeUint16(translation === 'same' ? sourcePort : translatedSourcePort, buffer, at),
    PRESENCE.translation,
  ),
  'pkt-dstport': registered(
    'pkt-dstport',
    2,
    ({ destinationPort, annotations: { translation, translatedDestinationPort } }, _, buffer, at) =>
      writeUint16(translation === 'same' ? destinationPort : translatedDestinationPort, buffer, at),
    PRESENCE.translation,
  ),
  first: registered('first', 4, ({ firstMicroseconds }, { windowStart }, buffer, at) =>
    writeUint32(windowStart + Math.floor(firstMicroseconds / 1e6), buffer, at),
  ),
  last: registered('last', 4, ({ lastMicroseconds }, { windowStart }, buffer, at) =>
    writeUint32(windowStart + Math.floor(lastMicroseconds / 1e6), buffer, at),
  ),
  'start-ns': registered('start-ns', 8, ({ firstMicroseconds }, { windowStart }, buffer, at) =>
    writeNtp(windowStart, firstMicroseconds, buffer, at),
  ),
  'end-ns': registered('end-ns', 8, ({ lastMicroseconds }, { windowStart }, buffer, at) =>
    writeNtp(windowStart, lastMicroseconds, buffer, at),
  ),
  'window-start': registered('window-start', 8, (_, { windowStart }, buffer, at) =>
    writeUint64(windowStart * 1000, buffer, at),
  ),
  'window-end': registered('window-end', 8, (_, { windowStart, windowSeconds }, buffer, at) =>
    writeUint64((windowStart + windowSeconds) * 1000, buffer, at),
  ),
  start: { sameAs: 'window-start' },
  end: { sameAs: 'window-end' },
  translation: ownText('translation', 20),
  srcregionid: ownText('srcregionid', 21),
  dstregionid: ownText('dstregionid', 22),
  initiator: ownText('initiator', 23),
  'initiator-evidence': ownText('initiator-evidence', 24),
  'reject-rule': ownText('reject-rule', 25),
  'handshake-rtt': ownNumber('handshake-rtt', 26, 'microseconds'),
  'wire-packets': ownNumber('wire-packets', 27, 'packets'),
  'wire-bytes': ownNumber('wire-bytes', 28, 'octets'),
  'interface-id': 'shared',
  ...(Object.fromEntries(Object.keys(SHARED_NUMBERS).map((name) => [name, 'shared'])) as Record<
    keyof typeof SHARED_NUMBERS,
    'shared'
  >),
  'log-status': 'none',
};

const PACKET_TIMES: readonly RecordElement[] = [
  {
    ...both({ number: 152, length: 8 }),
    write: ({ firstMicroseconds }, { windowStart }, buffer, at) =>
      writeUint64(windowStart * 1000 + Math.floor(firstMicroseconds / 1000), buffer, at),
    presence: 0,
  },
  {
    ...both({ number: 153, length: 8 }),
    write: ({ lastMicroseconds }, { windowStart }, buffer, at) =>
      writeUint64(windowStart * 1000 + Math.floor(lastMicroseconds / 1000), buffer, at),
    presence: 0,
  },
];

/** Every own element that records can have. */
export const OWN_RECORD_ELEMENTS: readonly InformationElement[] = Object.values(ROWS).flatMap((row) =>
  typeof row === 'object' && 'write' in row && row[4].own !== undefined ? [row[4]] : [],
);

/** @param hasOwn whether own elements can be sent */
export function recordElements(
  names: readonly FieldName[],
  { resourceType }: Pick<BatchHeader, 'resourceType'>,
  hasOwn: boolean,
): readonly RecordElement[] {
  const listed = new Set(names.map((name) => sentAs(name, resourceType === 'CCN')));
  const elements = (Object.keys(ROWS) as FieldName[]).flatMap((name) => {
    const row = listed.has(name) ? ROWS[name] : 'none';
    return typeof row === 'object' && 'write' in row && (hasOwn || row[4].own === undefined) ? [row] : [];
  });
  return [...elements, ...PACKET_TIMES];
}

/** `start` and `end` of CCN are times of packets, which every record has. */
function sentAs(name: FieldName, isCcn: boolean): FieldName | undefined {
  const row = ROWS[name];
  if (typeof row === 'string' || 'write' in row) return name;
  return isCcn ? undefined : row.sameAs;
}

/** Which of what only some records have this one has. */
export function presenceOf({ icmpType, isAnnotated, annotations }: FlowRecord): number {
  const icmp = icmpType < 0 ? 0 : PRESENCE.icmp;
  if (!isAnnotated) return icmp;
  const { direction, translation } = annotations;
  const isTranslated = translation === 'same' || translation === 'matched';
  return icmp | (direction === 'unknown' ? 0 : PRESENCE.direction) | (isTranslated ? PRESENCE.translation : 0);
}

function both(element: InformationElement): Pick<RecordElement, 4 | 6> {
  return { 4: element, 6: element };
}

/** Numbers as the schema has them. */
function registered(name: FieldName, length: number, write: WriteElement, presence = 0): RecordElement {
  const [ipv4, ipv6 = ipv4] = FIELDS.find((field) => field.name === name)?.ipfix ?? [];
  if (ipv4 === undefined || ipv6 === undefined) throw new Error(`the schema has no element for ${name}`);
  return { 4: { number: ipv4.number, length }, 6: { number: ipv6.number, length }, write, presence };
}

function address(name: FieldName, write: WriteElement, presence = 0): RecordElement {
  const element = registered(name, 4, write, presence);
  return { ...element, 6: { ...element[6], length: 16 } };
}

/** The text of the field, empty where a record has none; all are shorter than a length of one byte can say. */
function ownText(name: FieldName, number: number): RecordElement {
  const writeText = fieldNamed(name)!.write!;
  const write: WriteElement = (record, { windowStart }, buffer, at) => {
    const end = writeText(record, windowStart, buffer, at + 1);
    buffer[at] = end - at - 1;
    return end;
  };
  return { ...both(fieldElement(number, name, 'string')), write, presence: 0 };
}

/** 0 where a record has none. */
function ownNumber(name: FieldName, number: number, unit: Unit): RecordElement {
  const read = fieldNamed(name)!.value as (record: FlowRecord, windowStart: number) => number | undefined;
  const write: WriteElement = (record, { windowStart }, buffer, at) =>
    writeUint64(read(record, windowStart) ?? 0, buffer, at);
  return { ...both(fieldElement(number, name, 'unsigned64', unit)), write, presence: 0 };
}

export const isVariable = ({ length }: InformationElement): boolean => length === VARIABLE_LENGTH;

function writeAddress(
  family: 4 | 6,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
  buffer: Uint8Array,
  at: number,
): number {
  const end = writeUint32(word0, buffer, at);
  if (family === 4) return end;
  return writeUint32(word3, buffer, writeUint32(word2, buffer, writeUint32(word1, buffer, end)));
}

function writeTranslatedSource(record: FlowRecord, _: Window, buffer: Uint8Array, at: number): number {
  const { family, annotations: of } = record;
  if (of.translation === 'same') {
    return writeAddress(family, record.source0, record.source1, record.source2, record.source3, buffer, at);
  }
  const { translatedSource0, translatedSource1, translatedSource2, translatedSource3 } = of;
  return writeAddress(family, translatedSource0, translatedSource1, translatedSource2, translatedSource3, buffer, at);
}

function writeTranslatedDestination(record: FlowRecord, _: Window, buffer: Uint8Array, at: number): number {
  const { family, annotations: of } = record;
  if (of.translation === 'same') {
    const { destination0, destination1, destination2, destination3 } = record;
    return writeAddress(family, destination0, destination1, destination2, destination3, buffer, at);
  }
  return writeAddress(
    family,
    of.translatedDestination0,
    of.translatedDestination1,
    of.translatedDestination2,
    of.translatedDestination3,
    buffer,
    at,
  );
}

/** Seconds and a fraction of 32 bits. */
function writeNtp(windowStart: number, microseconds: number, buffer: Uint8Array, at: number): number {
  const seconds = Math.floor(microseconds / 1e6);
  const fraction = Math.floor(((microseconds - seconds * 1e6) * 0x1_0000_0000) / 1e6);
  return writeUint32(fraction, buffer, writeUint32(windowStart + seconds + NTP_SECONDS, buffer, at));
}
