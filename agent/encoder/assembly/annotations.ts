/** The annotations of the record that is being written (`proto/flowlog.proto`). */
import { NAME_BYTES, NAMES, NAMES_IN_LIST } from '../layout';
import { addressBytes } from './address';
import { next, readBounded, readVarint, refuse } from './varint';

export let hasAnnotations: bool = false;
/** Places in the lists of names. */
export let action: u32 = 0;
export let direction: u32 = 0;
export let initiator: u32 = 0;
export let evidence: u32 = 0;
export let translation: u32 = 0;
/** Address and length of each text. */
export let rejectRule: usize = 0;
export let rejectRuleBytes: u32 = 0;
export let sourceRegion: usize = 0;
export let sourceRegionBytes: u32 = 0;
export let destinationRegion: usize = 0;
export let destinationRegionBytes: u32 = 0;
/** Address and length of each address; absent where it has no bytes. */
export let translatedSource: usize = 0;
export let translatedSourceBytes: u32 = 0;
export let translatedDestination: usize = 0;
export let translatedDestinationBytes: u32 = 0;
export let translatedSourcePort: u32 = 0;
export let translatedDestinationPort: u32 = 0;
export let handshakeMicroseconds: u64 = 0;

export function forget(): void {
  hasAnnotations = false;
  action = 0;
  direction = 0;
  initiator = 0;
  evidence = 0;
  translation = 0;
  rejectRuleBytes = 0;
  sourceRegionBytes = 0;
  destinationRegionBytes = 0;
  translatedSourceBytes = 0;
  translatedDestinationBytes = 0;
  translatedSourcePort = 0;
  translatedDestinationPort = 0;
  handshakeMicroseconds = 0;
}

/** Reads the message whose length is at `at`; answers its end, 0 where it is not to be read here. */
export function readAnnotations(at: usize, end: usize): usize {
  const length = readVarint(at, end);
  if (next === 0 || length > <u64>(end - next)) return 0;
  const messageEnd = next + <usize>length;
  hasAnnotations = true;
  let from = next;
  while (from < messageEnd) {
    from = readField(load<u8>(from), from + 1, messageEnd);
    if (from === 0) return 0;
  }
  return messageEnd;
}

function readField(tag: u8, at: usize, end: usize): usize {
  switch (tag) {
    case 0x08:
      action = readName(at, end);
      return next;
    case 0x12:
      rejectRuleBytes = textBytes(at, end);
      rejectRule = next;
      return textEnd(rejectRuleBytes);
    case 0x18:
      direction = readName(at, end);
      return next;
    case 0x20:
      initiator = readName(at, end);
      return next;
    case 0x28:
      evidence = readName(at, end);
      return next;
    case 0x30:
      translation = readName(at, end);
      return next;
    case 0x3a:
      translatedSource = at + 1;
      translatedSourceBytes = addressBytes(at, end);
      return translatedSourceBytes === 0 ? 0 : at + 1 + translatedSourceBytes;
    case 0x42:
      translatedDestination = at + 1;
      translatedDestinationBytes = addressBytes(at, end);
      return translatedDestinationBytes === 0 ? 0 : at + 1 + translatedDestinationBytes;
    case 0x48:
      translatedSourcePort = readBounded(at, end, 0xffff);
      return next;
    case 0x50:
      translatedDestinationPort = readBounded(at, end, 0xffff);
      return next;
    case 0x5a:
      sourceRegionBytes = textBytes(at, end);
      sourceRegion = next;
      return textEnd(sourceRegionBytes);
    case 0x62:
      destinationRegionBytes = textBytes(at, end);
      destinationRegion = next;
      return textEnd(destinationRegionBytes);
    case 0x68:
      handshakeMicroseconds = readVarint(at, end) / 1000;
      return next;
    default:
      return 0;
  }
}

/** A place in a list; which names there are is asked when one is written. */
function readName(at: usize, end: usize): u32 {
  return readBounded(at, end, NAMES_IN_LIST - 1);
}

/** Where the name stands: how long it is, and the name. */
export function nameAt(list: u32, place: u32): usize {
  return NAMES + (list * NAMES_IN_LIST + place) * NAME_BYTES;
}

/** The length of an ASCII text whose bytes begin at `next` then; TypeScript knows the others. */
function textBytes(at: usize, end: usize): u32 {
  const length = readVarint(at, end);
  if (next === 0) return 0;
  if (length > <u64>(end - next) || !isAscii(next, <u32>length)) refuse();
  return <u32>length;
}

function textEnd(length: u32): usize {
  return next === 0 ? 0 : next + length;
}

function isAscii(at: usize, length: u32): bool {
  let bits: u32 = 0;
  for (let i: u32 = 0; i < length; i++) bits |= load<u8>(at + i);
  return bits < 0x80;
}
