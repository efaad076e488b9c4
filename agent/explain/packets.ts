import { createPacketBatch, FRAME_BYTES_MAX, frameOf, framesOf, recordAfter } from '../model/packet-batch.ts';
import { CAPTURED_LENGTH, NANOSECONDS, SECONDS, WIRE_LENGTH } from '../model/packet-batch-layout.ts';
import { type PacketSource, READ } from '../model/packet-source.ts';

/** One packet of a savefile, in place: the object and the bytes are those of the next packet when the visit is over. */
export interface VisitedPacket {
  /** From 1, as tcpdump and Wireshark count. */
  number: number;
  /** Unix time. */
  seconds: number;
  nanoseconds: number;
  linkType: number;
  wire: number;
  captured: number;
  /** The frame begins at `at`. */
  view: DataView;
  at: number;
}

/**
 * Shows every packet to `visit`, in the order of the file, until it answers false.
 *
 * @returns how many it has seen
 * @throws OperationalError where the file is damaged, after the packets before that
 */
export async function visitPackets(source: PacketSource, visit: (packet: VisitedPacket) => boolean): Promise<number> {
  const batch = createPacketBatch(2 * FRAME_BYTES_MAX);
  const { view } = batch;
  const packet = { number: 0, seconds: 0, nanoseconds: 0, linkType: 0, wire: 0, captured: 0, view, at: 0 };
  for (;;) {
    const status = await source.read(batch);
    if (status === READ.failed) throw source.failure;
    if (status === READ.end) return packet.number;
    packet.view = framesOf(batch);
    for (let left = batch.count, at = 0; left > 0; left--) {
      packet.number += 1;
      packet.seconds = view.getFloat64(at + SECONDS, true);
      packet.nanoseconds = view.getUint32(at + NANOSECONDS, true);
      packet.linkType = source.linkType;
      packet.wire = view.getUint32(at + WIRE_LENGTH, true);
      packet.captured = view.getUint32(at + CAPTURED_LENGTH, true);
      packet.at = frameOf(batch, at);
      if (!visit(packet)) return packet.number;
      at = recordAfter(batch, at);
    }
  }
}
