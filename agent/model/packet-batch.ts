/**
 * A batch of captured packets in one preallocated buffer: the only shape in which packets travel from a capture engine to
 * the meter. One batch is filled by one call and holds thousands of packets; nothing is allocated per packet.
 *
 * Records stand one after the other, each on a multiple of 8 bytes, fields in the machine's byte order (little endian on
 * every platform flowlogd runs on):
 *
 *     0         8            12               16           20       24
 *     | seconds | nanoseconds | capturedLength | wireLength | zero   | bytes ... (padded to 8)
 *     | float64 | uint32      | uint32         | uint32     | uint32 |
 *
 * `seconds` is whole Unix seconds (a float64, because pcapng can say more than 32 bits). `capturedLength` is how many bytes
 * of the frame follow here; `wireLength` is how long the frame was, never less: where a file claims less, what was captured.
 */
export interface PacketBatch {
  readonly view: DataView;
  /** Packets in the batch now. */
  count: number;
}

export const SECONDS = 0;
export const NANOSECONDS = 8;
export const CAPTURED_LENGTH = 12;
export const WIRE_LENGTH = 16;
export const RECORD_HEADER_BYTES = 24;

/** The longest frame libpcap hands out (its MAXIMUM_SNAPLEN), and so the longest that a record holds. */
export const FRAME_BYTES_MAX = 262_144;

/** The offset of the record that follows the one at `offset`. */
export function nextRecord(offset: number, capturedLength: number): number {
  return (offset + RECORD_HEADER_BYTES + capturedLength + 7) & ~7;
}

/** Unix seconds of the first packet of a batch that has one. */
export function firstSeconds({ view }: PacketBatch): number {
  return view.getFloat64(SECONDS, true) + view.getUint32(NANOSECONDS, true) / 1e9;
}

export function createPacketBatch(bytes: number): PacketBatch {
  if (bytes < FRAME_BYTES_MAX + RECORD_HEADER_BYTES) throw new RangeError('a batch must hold the longest frame');
  return { view: new DataView(new ArrayBuffer(bytes)), count: 0 };
}
