/**
 * A batch of captured packets in one preallocated buffer: the only shape in which packets travel from a capture engine to
 * the meter. One batch is filled by one call and holds thousands of packets; nothing is allocated per packet.
 *
 * Records stand one after the other, each on a multiple of 8 bytes, fields in the machine's byte order (little endian on
 * every platform flowlogd runs on):
 *
 *     0         8            12               16           20       24
 *     | seconds | nanoseconds | capturedLength | wireLength | frame  | bytes ... (padded to 8)
 *     | float64 | uint32      | uint32         | uint32     | uint32 |
 *
 * A reader of files leaves the bytes where they are: `frames` is then its own buffer, `frame` the offset in it, and records are
 * headers alone. Those bytes stay until the next read. Else the word is the frame's `segmentation`, 0 of one that is on the wire as
 * it is here, or of whose way there the source says nothing:
 *
 *     31 .. 16                 15                               14 .. 0
 *     payload of each packet   has a Hop-by-Hop header that     bytes of the frame before its payload
 *     on the wire, in bytes    no packet on the wire will have
 *
 * `seconds` is whole Unix seconds (a float64, because pcapng can say more than 32 bits). `capturedLength` is how many bytes
 * of the frame follow here; `wireLength` is how long the frame was, never less: where a file claims less, what was captured.
 */
import type { MemoryPlaces } from './memory-places.ts';
import { CAPTURED_LENGTH, FRAME, NANOSECONDS, RECORD_HEADER_BYTES, SECONDS } from './packet-batch-layout.ts';

export interface PacketBatch {
  readonly view: DataView;
  /** Where the frames are that do not follow their headers. */
  frames?: DataView | undefined;
  /** Packets in the batch now. */
  count: number;
}

/** The longest frame libpcap hands out (its MAXIMUM_SNAPLEN), and so the longest that a record holds. */
export const FRAME_BYTES_MAX = 262_144;

/** The offset of the record that follows the one at `offset`, whose frame is in between. */
export function nextRecord(offset: number, capturedLength: number): number {
  return (offset + RECORD_HEADER_BYTES + capturedLength + 7) & ~7;
}

/** The buffer with the frames of a batch. */
export function framesOf({ view, frames }: PacketBatch): DataView {
  return frames ?? view;
}

/** Where in it the frame of the record at `offset` begins. */
export function frameOf({ view, frames }: PacketBatch, offset: number): number {
  return frames === undefined ? offset + RECORD_HEADER_BYTES : view.getUint32(offset + FRAME, true);
}

/** The offset of the record that follows the one at `offset`, be its frame in between or not. */
export function recordAfter({ view, frames }: PacketBatch, offset: number): number {
  if (frames !== undefined) return offset + RECORD_HEADER_BYTES;
  return nextRecord(offset, view.getUint32(offset + CAPTURED_LENGTH, true));
}

/** Unix seconds of the first packet of a batch that has one. */
export function firstSeconds({ view }: PacketBatch): number {
  return view.getFloat64(SECONDS, true) + view.getUint32(NANOSECONDS, true) / 1e9;
}

/** @param places where it lies, if there is room; it stays there */
export function createPacketBatch(bytes: number, places?: MemoryPlaces): PacketBatch {
  if (bytes < FRAME_BYTES_MAX + RECORD_HEADER_BYTES) throw new RangeError('a batch must hold the longest frame');
  const { buffer, byteOffset } = places?.take(bytes) ?? new Uint8Array(bytes);
  return { view: new DataView(buffer, byteOffset, bytes), frames: undefined, count: 0 };
}
