/**
 * The annotations of a record as the message of that name in `proto/flowlog.proto`; what is zero or empty is left out.
 *
 * Rendered from schema/fields.ts (`UPDATE_DOCS=1 npx vitest run test/schema`).
 */
import type { Annotations } from '../model/annotations.ts';
import { named, writeAddress, writeText } from './annotation-fields.ts';
import type { ProtobufReader } from './protobuf-reader.ts';
import { writeCounter, writeSmall } from './protobuf-writer.ts';

const ACTION = ['ACCEPT', 'REJECT'] as const;
const DIRECTION = ['unknown', 'ingress', 'egress'] as const;
const INITIATOR = ['unknown', 'source', 'destination'] as const;
const INITIATOR_EVIDENCE = ['none', 'syn', 'conntrack', 'port'] as const;
const TRANSLATION = ['none', 'unmatched', 'same', 'matched'] as const;

/** Writes the message's fields at `at` and answers their end. */
export function writeAnnotations(family: 4 | 6, of: Annotations, buffer: Uint8Array, at: number): number {
  let end = at;
  end = writeSmall(0x08, ACTION.indexOf(of.action), buffer, end);
  end = writeText(0x12, of.rejectRule, buffer, end);
  end = writeSmall(0x18, DIRECTION.indexOf(of.direction), buffer, end);
  end = writeSmall(0x20, INITIATOR.indexOf(of.initiator), buffer, end);
  end = writeSmall(0x28, INITIATOR_EVIDENCE.indexOf(of.initiatorEvidence), buffer, end);
  end = writeSmall(0x30, TRANSLATION.indexOf(of.translation), buffer, end);
  end = writeAddress(
    0x3a,
    family,
    of.translatedSource0,
    of.translatedSource1,
    of.translatedSource2,
    of.translatedSource3,
    buffer,
    end,
  );
  end = writeAddress(
    0x42,
    family,
    of.translatedDestination0,
    of.translatedDestination1,
    of.translatedDestination2,
    of.translatedDestination3,
    buffer,
    end,
  );
  end = writeSmall(0x48, of.translatedSourcePort, buffer, end);
  end = writeSmall(0x50, of.translatedDestinationPort, buffer, end);
  end = writeText(0x5a, of.sourceRegion, buffer, end);
  end = writeText(0x62, of.destinationRegion, buffer, end);
  end = writeCounter(0x68, of.handshakeMicroseconds * 1000, buffer, end);
  return end;
}

/** @throws OperationalError `spool.damaged`, `spool.newer` */
export function readAnnotations(wire: ProtobufReader, into: Annotations): void {
  const outerEnd = wire.enter();
  while (wire.at < wire.end) {
    const tag = wire.tag();
    if (tag === 0x08) into.action = named(ACTION, wire.varint());
    else if (tag === 0x12) into.rejectRule = wire.text();
    else if (tag === 0x18) into.direction = named(DIRECTION, wire.varint());
    else if (tag === 0x20) into.initiator = named(INITIATOR, wire.varint());
    else if (tag === 0x28) into.initiatorEvidence = named(INITIATOR_EVIDENCE, wire.varint());
    else if (tag === 0x30) into.translation = named(TRANSLATION, wire.varint());
    else if (tag === 0x3a) readTranslatedSource(wire, into);
    else if (tag === 0x42) readTranslatedDestination(wire, into);
    else if (tag === 0x48) into.translatedSourcePort = wire.bounded(0xffff);
    else if (tag === 0x50) into.translatedDestinationPort = wire.bounded(0xffff);
    else if (tag === 0x5a) into.sourceRegion = wire.text();
    else if (tag === 0x62) into.destinationRegion = wire.text();
    else if (tag === 0x68) into.handshakeMicroseconds = Math.floor(wire.varint() / 1000);
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
