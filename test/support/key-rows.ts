import {
  DESTINATION,
  IP_BYTES,
  MICROSECONDS,
  PORTS,
  PROTOCOL_AND_FLAGS,
  ROW_WORDS,
  SOURCE,
} from '../../agent/packet/key-row.ts';

/** A packet as a flow table sees it. */
export interface KeyedPacket {
  readonly family: 4 | 6;
  readonly source: readonly number[];
  readonly destination: readonly number[];
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: number;
  readonly tcpFlags: number;
  readonly bytes: number;
  readonly microseconds: number;
}

/** Writes packets into rows, one after the other. */
export function toRows(packets: readonly KeyedPacket[]): Int32Array {
  const rows = new Int32Array(packets.length * ROW_WORDS);
  for (const [index, packet] of packets.entries()) {
    const row = index * ROW_WORDS;
    rows.set(packet.source, row + SOURCE);
    rows.set(packet.destination, row + DESTINATION);
    rows[row + PORTS] = (packet.sourcePort << 16) | packet.destinationPort;
    rows[row + PROTOCOL_AND_FLAGS] = packet.protocol | (packet.tcpFlags << 8);
    rows[row + IP_BYTES] = packet.bytes;
    rows[row + MICROSECONDS] = packet.microseconds;
  }
  return rows;
}

/** The offsets of all rows. */
export function allMembers(packets: readonly KeyedPacket[]): Int32Array {
  return Int32Array.from(packets, (_, index) => index * ROW_WORDS);
}
