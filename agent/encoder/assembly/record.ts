/**
 * The record of a batch (`proto/flowlog.proto`, `wire/flow-batch-reader.ts`) that is being written. Whatever is not as
 * flowlogd writes it is left to TypeScript, which knows what to say of it.
 */

import { addressBytes } from './address';
import { forget, hasAnnotations, readAnnotations } from './annotations';
import { next, readBounded, readVarint } from './varint';

export let family: u32 = 4;
/** Addresses of their bytes. */
export let source: usize = 0;
export let destination: usize = 0;
export let sourcePort: u32 = 0;
export let destinationPort: u32 = 0;
export let protocol: u32 = 0;
export let tcpFlags: u32 = 0;
export let packets: u64 = 0;
export let bytes: u64 = 0;
export let firstMicroseconds: u64 = 0;
export let lastMicroseconds: u64 = 0;
/** -1 where there is none. */
export let icmpType: i32 = -1;
export let icmpCode: i32 = -1;

export let furtherPackets: u64 = 0;
export let furtherBytes: u64 = 0;

let sourceBytes: u32 = 0;
let destinationBytes: u32 = 0;

const RECORD_TAG: u8 = 0x52;

/** Reads the record at `at`; answers its end, 0 where there is none that can be written here. */
export function readRecord(at: usize, end: usize): usize {
  if (at >= end || load<u8>(at) !== RECORD_TAG) return 0;
  const length = readVarint(at + 1, end);
  if (next === 0 || length > <u64>(end - next)) return 0;
  const recordEnd = next + <usize>length;
  clear();
  let from = next;
  while (from < recordEnd) {
    from = readField(load<u8>(from), from + 1, recordEnd);
    if (from === 0) return 0;
  }
  if (sourceBytes !== destinationBytes || sourceBytes === 0) return 0;
  family = sourceBytes === 4 ? 4 : 6;
  return recordEnd;
}

function clear(): void {
  sourcePort = 0;
  destinationPort = 0;
  protocol = 0;
  tcpFlags = 0;
  packets = 0;
  bytes = 0;
  firstMicroseconds = 0;
  lastMicroseconds = 0;
  icmpType = -1;
  icmpCode = -1;
  furtherPackets = 0;
  furtherBytes = 0;
  sourceBytes = 0;
  destinationBytes = 0;
  if (hasAnnotations) forget();
}

/** Reads a field behind its tag; answers its end, 0 where it is not to be read here. */
function readField(tag: u8, at: usize, end: usize): usize {
  switch (tag) {
    case 0x0a:
      source = at + 1;
      sourceBytes = addressBytes(at, end);
      return sourceBytes === 0 ? 0 : at + 1 + sourceBytes;
    case 0x12:
      destination = at + 1;
      destinationBytes = addressBytes(at, end);
      return destinationBytes === 0 ? 0 : at + 1 + destinationBytes;
    case 0x18:
      sourcePort = readBounded(at, end, 0xffff);
      return next;
    case 0x20:
      destinationPort = readBounded(at, end, 0xffff);
      return next;
    case 0x28:
      protocol = readBounded(at, end, 0xff);
      return next;
    case 0x30:
      tcpFlags = readBounded(at, end, 0xff);
      return next;
    case 0x38:
      packets = readVarint(at, end);
      return next;
    case 0x40:
      bytes = readVarint(at, end);
      return next;
    case 0x48:
      firstMicroseconds = readVarint(at, end) / 1000;
      return next;
    case 0x50:
      lastMicroseconds = readVarint(at, end) / 1000;
      return next;
    case 0x5a:
      return readAnnotations(at, end);
    case 0x60:
      icmpType = readBounded(at, end, 0xff);
      return next;
    case 0x68:
      icmpCode = readBounded(at, end, 0xff);
      return next;
    case 0x70:
      furtherPackets = readVarint(at, end);
      return next;
    case 0x78:
      furtherBytes = readVarint(at, end);
      return next;
    default:
      return 0;
  }
}
