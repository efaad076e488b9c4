/**
 * What a record says in each field, as text (`record/field-text.ts`): each answers where it ends, `to` where the record has no
 * value, 0 where TypeScript has to write it.
 */
import * as layout from '../layout';
import { writeAddress } from './address';
import * as annotations from './annotations';
import { copy } from './copy';
import { writeDecimal } from './decimal';
import * as record from './record';
import { SAFE_INTEGER_MAX, writeVarint64 } from './varint';

const TCP: u32 = 6;
const UDP: u32 = 17;
const IPV4_TEXT: u32 = 0x3476_5049;
const IPV6_TEXT: u32 = 0x3676_5049;
/** Of the four letters of `IPv4` in the order of memory. */
const LOWER_CASE: u32 = 0x0000_2020;
const ZEROS: u32 = 0x3030_3030;
/** The longest text of a record. */
const TEXT_BYTES_MAX: u32 = 128;
const SAME: u32 = 2;
const MATCHED: u32 = 3;

export function writeValue(writer: u32, to: usize): usize {
  if (writer < <u32>layout.NUMBERS) {
    const number = numberOf(writer);
    return number < 0 ? to : writeDecimal(number, to);
  }
  switch (writer) {
    case layout.SOURCE:
      return writeAddress(record.family, record.source, to);
    case layout.DESTINATION:
      return writeAddress(record.family, record.destination, to);
    case layout.FIRST_NANOSECOND:
      return writeThousands(windowStart() * 1_000_000 + record.firstMicroseconds, to);
    case layout.LAST_NANOSECOND:
      return writeThousands(windowStart() * 1_000_000 + record.lastMicroseconds, to);
    case layout.FAMILY:
      store<u32>(to, record.family === 4 ? IPV4_TEXT : IPV6_TEXT);
      return to + 4;
    case layout.FAMILY_NAME:
      store<u32>(to, (record.family === 4 ? IPV4_TEXT : IPV6_TEXT) | LOWER_CASE);
      return to + 4;
    case layout.PROTOCOL_NAME:
      return writeEntry(layout.PROTOCOLS + record.protocol * layout.NAME_BYTES, to);
    default:
      return writeAnnotation(writer, to);
  }
}

/** As a number of protobuf. */
export function writeNumber(writer: u32, to: usize): usize {
  if (writer >= <u32>layout.NUMBERS) return 0;
  const number = numberOf(writer);
  return number < 0 ? to : writeVarint64(number, to);
}

/** Below 0 where the record has none. */
function numberOf(writer: u32): i64 {
  switch (writer) {
    case layout.SOURCE_PORT:
      return record.sourcePort;
    case layout.DESTINATION_PORT:
      return record.destinationPort;
    case layout.SOURCE_PORT_WHERE_ANY:
      return hasPorts() ? <i64>record.sourcePort : -1;
    case layout.DESTINATION_PORT_WHERE_ANY:
      return hasPorts() ? <i64>record.destinationPort : -1;
    case layout.PROTOCOL:
      return record.protocol;
    case layout.PACKETS:
      return record.packets;
    case layout.BYTES:
      return record.bytes;
    case layout.TCP_FLAGS:
      return record.tcpFlags;
    case layout.FIRST_SECOND:
      return windowStart() + record.firstMicroseconds / 1_000_000;
    case layout.LAST_SECOND:
      return windowStart() + record.lastMicroseconds / 1_000_000;
    case layout.ICMP_TYPE:
      return record.icmpType;
    case layout.ICMP_CODE:
      return record.icmpCode;
    case layout.WIRE_PACKETS:
      return min(record.packets + record.furtherPackets, SAFE_INTEGER_MAX);
    case layout.WIRE_BYTES:
      return min(record.bytes + record.furtherBytes, SAFE_INTEGER_MAX);
    default:
      return annotatedNumber(writer);
  }
}

function annotatedNumber(writer: u32): i64 {
  switch (writer) {
    case layout.HANDSHAKE:
      return annotations.handshakeMicroseconds === 0 ? -1 : annotations.handshakeMicroseconds;
    case layout.TRANSLATED_SOURCE_PORT:
      return translatedPort(record.sourcePort, annotations.translatedSourcePort);
    default:
      return translatedPort(record.destinationPort, annotations.translatedDestinationPort);
  }
}

function translatedPort(own: u32, other: u32): i64 {
  if (annotations.translation === MATCHED) return other;
  return annotations.translation === SAME ? <i64>own : -1;
}

function writeAnnotation(writer: u32, to: usize): usize {
  switch (writer) {
    case layout.ACTION:
      return writeName(layout.ACTIONS, annotations.action, to);
    case layout.DIRECTION:
      return writeName(layout.DIRECTIONS, annotations.direction, to);
    case layout.INITIATOR:
      return writeName(layout.INITIATORS, annotations.initiator, to);
    case layout.EVIDENCE:
      return writeName(layout.EVIDENCES, annotations.evidence, to);
    case layout.TRANSLATION:
      return writeName(layout.TRANSLATIONS, annotations.translation, to);
    case layout.REJECT_RULE:
      return writeText(annotations.rejectRule, annotations.rejectRuleBytes, to);
    case layout.SOURCE_REGION:
      return writeText(annotations.sourceRegion, annotations.sourceRegionBytes, to);
    case layout.DESTINATION_REGION:
      return writeText(annotations.destinationRegion, annotations.destinationRegionBytes, to);
    case layout.DIRECTION_NAME:
      return writeName(layout.DIRECTION_NAMES, annotations.direction, to);
    default:
      return writeTranslated(writer, to);
  }
}

/** The other side of a translation, the same side where nothing is translated, nothing where that is not known. */
function writeTranslated(writer: u32, to: usize): usize {
  const isMatched = annotations.translation === MATCHED;
  if (!isMatched && annotations.translation !== SAME) return to;
  switch (writer) {
    case layout.TRANSLATED_SOURCE:
      if (!isMatched) return writeAddress(record.family, record.source, to);
      return writeOther(annotations.translatedSource, annotations.translatedSourceBytes, to);
    case layout.TRANSLATED_DESTINATION:
      if (!isMatched) return writeAddress(record.family, record.destination, to);
      return writeOther(annotations.translatedDestination, annotations.translatedDestinationBytes, to);
    default:
      return 0;
  }
}

/** One that is absent, which is one of zeros, or is of another family is left to TypeScript. */
function writeOther(address: usize, length: u32, to: usize): usize {
  return length === (record.family === 4 ? 4 : 16) ? writeAddress(record.family, address, to) : 0;
}

function writeName(list: u32, place: u32, to: usize): usize {
  return writeEntry(annotations.nameAt(list, place), to);
}

function writeEntry(entry: usize, to: usize): usize {
  const length = load<u8>(entry);
  return length === layout.NO_NAME ? 0 : copy(entry + 1, length, to);
}

function writeText(text: usize, length: u32, to: usize): usize {
  return length > TEXT_BYTES_MAX ? 0 : copy(text, length, to);
}

function hasPorts(): bool {
  return record.protocol === TCP || record.protocol === UDP;
}

function windowStart(): u64 {
  return <u64>load<f64>(layout.WINDOW_START);
}

/** A thousand times the value. */
function writeThousands(value: u64, to: usize): usize {
  const end = writeDecimal(value, to);
  if (value === 0) return end;
  store<u32>(end, ZEROS);
  return end + 3;
}
