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
import { SAFE_INTEGER_MAX } from './varint';

const TCP: u32 = 6;
const UDP: u32 = 17;
const IPV4_TEXT: u32 = 0x3476_5049;
const IPV6_TEXT: u32 = 0x3676_5049;
const ZEROS: u32 = 0x3030_3030;
/** The longest text of a record. */
const TEXT_BYTES_MAX: u32 = 128;
const SAME: u32 = 2;
const MATCHED: u32 = 3;

export function writeValue(writer: u32, to: usize): usize {
  switch (writer) {
    case layout.SOURCE:
      return writeAddress(record.family, record.source, to);
    case layout.DESTINATION:
      return writeAddress(record.family, record.destination, to);
    case layout.SOURCE_PORT:
      return writeDecimal(record.sourcePort, to);
    case layout.DESTINATION_PORT:
      return writeDecimal(record.destinationPort, to);
    case layout.SOURCE_PORT_WHERE_ANY:
      return hasPorts() ? writeDecimal(record.sourcePort, to) : to;
    case layout.DESTINATION_PORT_WHERE_ANY:
      return hasPorts() ? writeDecimal(record.destinationPort, to) : to;
    case layout.PROTOCOL:
      return writeDecimal(record.protocol, to);
    case layout.PACKETS:
      return writeDecimal(record.packets, to);
    case layout.BYTES:
      return writeDecimal(record.bytes, to);
    case layout.TCP_FLAGS:
      return writeDecimal(record.tcpFlags, to);
    case layout.FIRST_SECOND:
      return writeDecimal(windowStart() + record.firstMicroseconds / 1_000_000, to);
    case layout.LAST_SECOND:
      return writeDecimal(windowStart() + record.lastMicroseconds / 1_000_000, to);
    case layout.FIRST_NANOSECOND:
      return writeThousands(windowStart() * 1_000_000 + record.firstMicroseconds, to);
    case layout.LAST_NANOSECOND:
      return writeThousands(windowStart() * 1_000_000 + record.lastMicroseconds, to);
    case layout.FAMILY:
      store<u32>(to, record.family === 4 ? IPV4_TEXT : IPV6_TEXT);
      return to + 4;
    case layout.ICMP_TYPE:
      return record.icmpType < 0 ? to : writeDecimal(record.icmpType, to);
    case layout.ICMP_CODE:
      return record.icmpCode < 0 ? to : writeDecimal(record.icmpCode, to);
    case layout.WIRE_PACKETS:
      return writeDecimal(min(record.packets + record.furtherPackets, SAFE_INTEGER_MAX), to);
    case layout.WIRE_BYTES:
      return writeDecimal(min(record.bytes + record.furtherBytes, SAFE_INTEGER_MAX), to);
    default:
      return writeAnnotation(writer, to);
  }
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
    case layout.HANDSHAKE:
      return annotations.handshakeMicroseconds === 0 ? to : writeDecimal(annotations.handshakeMicroseconds, to);
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
    case layout.TRANSLATED_SOURCE_PORT:
      return writeDecimal(isMatched ? annotations.translatedSourcePort : record.sourcePort, to);
    case layout.TRANSLATED_DESTINATION_PORT:
      return writeDecimal(isMatched ? annotations.translatedDestinationPort : record.destinationPort, to);
    default:
      return 0;
  }
}

/** One that is absent, which is one of zeros, or is of another family is left to TypeScript. */
function writeOther(address: usize, length: u32, to: usize): usize {
  return length === (record.family === 4 ? 4 : 16) ? writeAddress(record.family, address, to) : 0;
}

function writeName(list: u32, place: u32, to: usize): usize {
  const entry = annotations.nameAt(list, place);
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
