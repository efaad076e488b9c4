import {
  createPacketBatch,
  FRAME_BYTES_MAX,
  frameOf,
  framesOf,
  nextRecord,
  type PacketBatch,
  recordAfter,
} from '../../agent/model/packet-batch.ts';
import {
  CAPTURED_LENGTH,
  NANOSECONDS,
  RECORD_HEADER_BYTES,
  SECONDS,
  SEGMENTATION,
  WIRE_LENGTH,
} from '../../agent/model/packet-batch-layout.ts';

/** A packet as a capture engine hands it over. */
export interface BatchPacket {
  readonly seconds: number;
  readonly nanoseconds?: number;
  readonly bytes: Uint8Array;
  /** The captured length when absent. */
  readonly wireLength?: number;
  /** 0 when absent. */
  readonly segmentation?: number;
}

/** A packet as a batch holds it, for comparing. */
export interface ReadPacket {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly wireLength: number;
  readonly bytes: Uint8Array;
}

/** Room for the longest frame: the smallest batch there may be, and most room for mistakes at its end. */
export const SMALLEST_BATCH_BYTES = FRAME_BYTES_MAX + RECORD_HEADER_BYTES;

export function emptyBatch(): PacketBatch {
  return createPacketBatch(SMALLEST_BATCH_BYTES);
}

/** Fills the batch from its start with all packets; they must fit. */
export function fillBatch(batch: PacketBatch, packets: readonly BatchPacket[]): void {
  const { view } = batch;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  let at = 0;
  for (const packet of packets) {
    view.setFloat64(at + SECONDS, packet.seconds, true);
    view.setUint32(at + NANOSECONDS, packet.nanoseconds ?? 0, true);
    view.setUint32(at + CAPTURED_LENGTH, packet.bytes.length, true);
    view.setUint32(at + WIRE_LENGTH, packet.wireLength ?? packet.bytes.length, true);
    view.setUint32(at + SEGMENTATION, packet.segmentation ?? 0, true);
    bytes.set(packet.bytes, at + RECORD_HEADER_BYTES);
    at = nextRecord(at, packet.bytes.length);
  }
  batch.count = packets.length;
}

/** A batch that holds these packets; its buffer grows with them, unlike an engine's. */
export function batchOf(packets: readonly BatchPacket[]): PacketBatch {
  const bytes = packets.reduce((at, packet) => nextRecord(at, packet.bytes.length), 0);
  const batch: PacketBatch = { view: new DataView(new ArrayBuffer(bytes)), count: 0 };
  fillBatch(batch, packets);
  return batch;
}

/** What an engine left in the batch. */
export function packetsOf(batch: PacketBatch): ReadPacket[] {
  const packets: ReadPacket[] = [];
  const { view } = batch;
  let at = 0;
  for (let i = 0; i < batch.count; i++) {
    const captured = view.getUint32(at + CAPTURED_LENGTH, true);
    const frames = framesOf(batch);
    const from = frames.byteOffset + frameOf(batch, at);
    packets.push({
      seconds: view.getFloat64(at + SECONDS, true),
      nanoseconds: view.getUint32(at + NANOSECONDS, true),
      wireLength: view.getUint32(at + WIRE_LENGTH, true),
      bytes: new Uint8Array(frames.buffer.slice(from, from + captured)),
    });
    at = recordAfter(batch, at);
  }
  if (at > view.byteLength + 7) throw new Error('the records do not fit their batch');
  return packets;
}
