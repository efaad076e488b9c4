/**
 * Segmentation offload: a frame that this host's kernel handles as one, and that is several packets on the wire, each with all
 * headers of the frame and a part of its payload. A capture that can tell says so in the record (model/packet-batch.ts).
 *
 * Bytes of the packets count as those of the frame: from the outermost IP header on. So what of the frame stands before the payload and
 * behind that header's begin is repeated in each packet, tunnels included.
 */
import { FURTHER_PACKETS, IP_BYTES, ROW_WORDS } from './key-row.ts';

const HEADER_BYTES = 0x7fff;
const HAS_JUMBO_HEADER = 0x8000;
const JUMBO_HEADER_BYTES = 8;
const PACKETS_MAX = 0x7fff_ffff;
const BYTES_MAX = 0xffff_ffff;

/** The packets that the frame of a row is counted as. */
export function packetsOf(rows: Int32Array, row: number): number {
  return rows[row + FURTHER_PACKETS]! + 1;
}

/** Counts in its row what a frame of `wire` bytes is on the wire. */
export function countSegments(segmentation: number, wire: number, rows: Int32Array, row: number): void {
  const ipBytes = rows[row + IP_BYTES]! >>> 0;
  const packets = packetsOnWire(segmentation, wire, ipBytes);
  rows[row + FURTHER_PACKETS] = Math.max(packets - 1, 0);
  if (packets > 0) rows[row + IP_BYTES] = Math.min(bytesOnWire(segmentation, wire, ipBytes, packets), BYTES_MAX);
}

/** Notes beside its row how much more the frame is on the wire; the row stays that of the frame. @param at words before its two of `further` */
export function noteSegments(
  segmentation: number,
  wire: number,
  ipBytes: number,
  further: Float64Array,
  at: number,
): void {
  const packets = packetsOnWire(segmentation, wire, ipBytes);
  further[at] = Math.max(packets - 1, 0);
  further[at + 1] = packets > 1 ? Math.max(bytesOnWire(segmentation, wire, ipBytes, packets) - ipBytes, 0) : 0;
}

/** 0 where the segmentation does not fit the frame: it is one packet, as it is. */
function packetsOnWire(segmentation: number, wire: number, ipBytes: number): number {
  const segmentBytes = segmentation >>> 16;
  const payload = payloadOf(segmentation, wire);
  if (segmentBytes === 0 || payload <= 0 || repeatedBytes(segmentation, ipBytes, payload) <= 0) return 0;
  return Math.min(Math.ceil(payload / segmentBytes), PACKETS_MAX);
}

function bytesOnWire(segmentation: number, wire: number, ipBytes: number, packets: number): number {
  const payload = payloadOf(segmentation, wire);
  return payload + packets * repeatedBytes(segmentation, ipBytes, payload);
}

function payloadOf(segmentation: number, wire: number): number {
  return wire - (segmentation & HEADER_BYTES);
}

/** Of the headers, those that each packet has. */
function repeatedBytes(segmentation: number, ipBytes: number, payload: number): number {
  const headers = ipBytes - payload;
  return (segmentation & HAS_JUMBO_HEADER) === 0 ? headers : headers - JUMBO_HEADER_BYTES;
}

/** The rows are those of frames again that count as one packet each. */
export function forgetSegments(rows: Int32Array): void {
  for (let row = 0; row < rows.length; row += ROW_WORDS) rows[row + FURTHER_PACKETS] = 0;
}
