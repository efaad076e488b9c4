/** The annotations of a record as the message of that name in `proto/flowlog.proto`; what is zero or empty is left out. */
import {
  ACTIONS,
  ANNOTATION_TEXT_BYTES_MAX,
  type Annotations,
  DIRECTIONS,
  INITIATOR_EVIDENCE,
  INITIATORS,
  TRANSLATIONS,
} from '../model/annotations.ts';
import { newer, type ProtobufReader } from './protobuf-reader.ts';
import { writeAddress, writeCounter, writeSmall, writeVarint14 } from './protobuf-writer.ts';

/** Their field in a record. */
export const ANNOTATIONS_TAG = 0x5a;
/** Five enums (10), two IPv6 addresses (36), ports (8), a 64-bit varint (9), three texts, tag and length (3), rounded up. */
export const ANNOTATIONS_BYTES_MAX = 80 + 3 * (ANNOTATION_TEXT_BYTES_MAX + 3);

const TAG = {
  action: 0x08,
  rejectRule: 0x12,
  direction: 0x18,
  initiator: 0x20,
  initiatorEvidence: 0x28,
  translation: 0x30,
  translatedSource: 0x3a,
  translatedDestination: 0x42,
  translatedSourcePort: 0x48,
  translatedDestinationPort: 0x50,
  sourceRegion: 0x5a,
  destinationRegion: 0x62,
  handshake: 0x68,
} as const;

const UTF8 = new TextEncoder();

/** Writes the message's fields at `at` and answers their end. */
export function writeAnnotations(family: 4 | 6, annotations: Annotations, buffer: Uint8Array, at: number): number {
  const of = annotations;
  let end = writeSmall(TAG.action, ACTIONS.indexOf(of.action), buffer, at);
  end = writeText(TAG.rejectRule, of.rejectRule, buffer, end);
  end = writeSmall(TAG.direction, DIRECTIONS.indexOf(of.direction), buffer, end);
  end = writeSmall(TAG.initiator, INITIATORS.indexOf(of.initiator), buffer, end);
  end = writeSmall(TAG.initiatorEvidence, INITIATOR_EVIDENCE.indexOf(of.initiatorEvidence), buffer, end);
  end = writeSmall(TAG.translation, TRANSLATIONS.indexOf(of.translation), buffer, end);
  if (of.translation === 'matched') end = writeTranslated(family, of, buffer, end);
  end = writeText(TAG.sourceRegion, of.sourceRegion, buffer, end);
  end = writeText(TAG.destinationRegion, of.destinationRegion, buffer, end);
  return writeCounter(TAG.handshake, of.handshakeMicroseconds * 1000, buffer, end);
}

function writeTranslated(family: 4 | 6, of: Annotations, buffer: Uint8Array, at: number): number {
  const { translatedSource0, translatedSource1, translatedSource2, translatedSource3 } = of;
  const { translatedDestination0, translatedDestination1, translatedDestination2, translatedDestination3 } = of;
  let end = writeAddress(
    TAG.translatedSource,
    family,
    translatedSource0,
    translatedSource1,
    translatedSource2,
    translatedSource3,
    buffer,
    at,
  );
  end = writeAddress(
    TAG.translatedDestination,
    family,
    translatedDestination0,
    translatedDestination1,
    translatedDestination2,
    translatedDestination3,
    buffer,
    end,
  );
  end = writeSmall(TAG.translatedSourcePort, of.translatedSourcePort, buffer, end);
  return writeSmall(TAG.translatedDestinationPort, of.translatedDestinationPort, buffer, end);
}

/** A text that is too long is cut, at a whole character. */
function writeText(tag: number, text: string, buffer: Uint8Array, at: number): number {
  if (text === '') return at;
  const room = buffer.subarray(at + 3, at + 3 + ANNOTATION_TEXT_BYTES_MAX);
  const { written } = UTF8.encodeInto(text, room);
  buffer[at] = tag;
  writeVarint14(written, buffer, at + 1);
  return at + 3 + written;
}

/** @throws OperationalError `spool.damaged` */
export function readAnnotations(wire: ProtobufReader, into: Annotations): void {
  const outerEnd = wire.enter();
  while (wire.at < wire.end) {
    const tag = wire.tag();
    if (tag === TAG.action) into.action = named(ACTIONS, wire.varint());
    else if (tag === TAG.rejectRule) into.rejectRule = wire.text();
    else if (tag === TAG.direction) into.direction = named(DIRECTIONS, wire.varint());
    else if (tag === TAG.initiator) into.initiator = named(INITIATORS, wire.varint());
    else if (tag === TAG.initiatorEvidence) into.initiatorEvidence = named(INITIATOR_EVIDENCE, wire.varint());
    else if (tag === TAG.translation) into.translation = named(TRANSLATIONS, wire.varint());
    else if (tag === TAG.translatedSource) readTranslatedSource(wire, into);
    else if (tag === TAG.translatedDestination) readTranslatedDestination(wire, into);
    else if (tag === TAG.translatedSourcePort) into.translatedSourcePort = wire.bounded(0xffff);
    else if (tag === TAG.translatedDestinationPort) into.translatedDestinationPort = wire.bounded(0xffff);
    else if (tag === TAG.sourceRegion) into.sourceRegion = wire.text();
    else if (tag === TAG.destinationRegion) into.destinationRegion = wire.text();
    else if (tag === TAG.handshake) into.handshakeMicroseconds = Math.floor(wire.varint() / 1000);
    else wire.refuseUnknown(tag);
  }
  wire.leave(outerEnd);
}

function readTranslatedSource(wire: ProtobufReader, into: Annotations): void {
  const isIpv6 = wire.addressLength() === 16;
  into.translatedSource0 = wire.word();
  into.translatedSource1 = isIpv6 ? wire.word() : 0;
  into.translatedSource2 = isIpv6 ? wire.word() : 0;
  into.translatedSource3 = isIpv6 ? wire.word() : 0;
}

function readTranslatedDestination(wire: ProtobufReader, into: Annotations): void {
  const isIpv6 = wire.addressLength() === 16;
  into.translatedDestination0 = wire.word();
  into.translatedDestination1 = isIpv6 ? wire.word() : 0;
  into.translatedDestination2 = isIpv6 ? wire.word() : 0;
  into.translatedDestination3 = isIpv6 ? wire.word() : 0;
}

/** A value that a newer version gave must not be taken for another. */
function named<Name extends string>(names: readonly Name[], number: number): Name {
  const name = names[number];
  if (name === undefined) throw newer(`value ${number} of an annotation`);
  return name;
}
