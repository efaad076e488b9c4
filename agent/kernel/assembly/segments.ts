/** Segmentation offload: packet/segments.ts, and its comments, with the row's address. */
import { FURTHER_PACKETS, IP_BYTES, ROW_WORDS } from '../../packet/key-row';
import { FURTHER, ROWS } from '../layout';

const HEADER_BYTES: u32 = 0x7fff;
const HAS_JUMBO_HEADER: u32 = 0x8000;
const JUMBO_HEADER_BYTES: i64 = 8;
const PACKETS_MAX: i64 = 0x7fff_ffff;
const BYTES_MAX: i64 = 0xffff_ffff;

export function packetsOf(row: usize): u32 {
  return load<u32>(row, FURTHER_PACKETS * 4) + 1;
}

export function countSegments(segmentation: u32, wire: u32, row: usize): void {
  const ipBytes = load<u32>(row, IP_BYTES * 4);
  const packets = packetsOnWire(segmentation, wire, ipBytes);
  store<u32>(row, <u32>max(packets - 1, 0), FURTHER_PACKETS * 4);
  if (packets === 0) return;
  store<u32>(row, <u32>min(bytesOnWire(segmentation, wire, ipBytes, packets), BYTES_MAX), IP_BYTES * 4);
}

export function noteSegments(segmentation: u32, wire: u32, row: usize): void {
  const ipBytes = load<u32>(row, IP_BYTES * 4);
  const packets = packetsOnWire(segmentation, wire, ipBytes);
  const bytes = packets > 1 ? max(bytesOnWire(segmentation, wire, ipBytes, packets) - <i64>ipBytes, 0) : 0;
  const further = ((row - ROWS) / (ROW_WORDS * 4)) * 16 + FURTHER;
  store<f64>(further, <f64>max(packets - 1, 0));
  store<f64>(further, <f64>bytes, 8);
}

function packetsOnWire(segmentation: u32, wire: u32, ipBytes: u32): i64 {
  const segmentBytes: i64 = segmentation >>> 16;
  const payload = payloadOf(segmentation, wire);
  if (segmentBytes === 0 || payload <= 0 || repeatedBytes(segmentation, ipBytes, payload) <= 0) return 0;
  return min((payload + segmentBytes - 1) / segmentBytes, PACKETS_MAX);
}

function bytesOnWire(segmentation: u32, wire: u32, ipBytes: u32, packets: i64): i64 {
  const payload = payloadOf(segmentation, wire);
  return payload + packets * repeatedBytes(segmentation, ipBytes, payload);
}

function payloadOf(segmentation: u32, wire: u32): i64 {
  return <i64>wire - <i64>(segmentation & HEADER_BYTES);
}

function repeatedBytes(segmentation: u32, ipBytes: u32, payload: i64): i64 {
  const headers = <i64>ipBytes - payload;
  return (segmentation & HAS_JUMBO_HEADER) === 0 ? headers : headers - JUMBO_HEADER_BYTES;
}
