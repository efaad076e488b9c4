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

/** Counts in its row what a frame of `wire` bytes is on the wire. One that does not fit the frame is none. */
export function countSegments(segmentation: number, wire: number, rows: Int32Array, row: number): void {
  rows[row + FURTHER_PACKETS] = 0;
  const segmentBytes = segmentation >>> 16;
  const payload = wire - (segmentation & HEADER_BYTES);
  const headers = (rows[row + IP_BYTES]! >>> 0) - payload;
  const repeated = (segmentation & HAS_JUMBO_HEADER) === 0 ? headers : headers - JUMBO_HEADER_BYTES;
  if (segmentBytes === 0 || payload <= 0 || repeated <= 0) return;
  const packets = Math.min(Math.ceil(payload / segmentBytes), PACKETS_MAX);
  rows[row + FURTHER_PACKETS] = packets - 1;
  rows[row + IP_BYTES] = Math.min(payload + packets * repeated, BYTES_MAX);
}

/** The rows are those of frames again that count as one packet each. */
export function forgetSegments(rows: Int32Array): void {
  for (let row = 0; row < rows.length; row += ROW_WORDS) rows[row + FURTHER_PACKETS] = 0;
}
