/** Segmentation offload: packet/segments.ts, and its comments, with the row's address. */
import { FURTHER_PACKETS, IP_BYTES } from '../../packet/key-row';

const HEADER_BYTES: u32 = 0x7fff;
const HAS_JUMBO_HEADER: u32 = 0x8000;
const JUMBO_HEADER_BYTES: i64 = 8;
const PACKETS_MAX: i64 = 0x7fff_ffff;
const BYTES_MAX: i64 = 0xffff_ffff;

export function packetsOf(row: usize): u32 {
  return load<u32>(row, FURTHER_PACKETS * 4) + 1;
}

export function countSegments(segmentation: u32, wire: u32, row: usize): void {
  store<u32>(row, 0, FURTHER_PACKETS * 4);
  const segmentBytes: i64 = segmentation >>> 16;
  const payload = <i64>wire - <i64>(segmentation & HEADER_BYTES);
  const headers = <i64>load<u32>(row, IP_BYTES * 4) - payload;
  const repeated = (segmentation & HAS_JUMBO_HEADER) === 0 ? headers : headers - JUMBO_HEADER_BYTES;
  if (segmentBytes === 0 || payload <= 0 || repeated <= 0) return;
  const packets = min((payload + segmentBytes - 1) / segmentBytes, PACKETS_MAX);
  store<u32>(row, <u32>(packets - 1), FURTHER_PACKETS * 4);
  store<u32>(row, <u32>min(payload + packets * repeated, BYTES_MAX), IP_BYTES * 4);
}
