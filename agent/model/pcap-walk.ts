/** The packets of a piece of a pcap file as records of a batch (packet-batch.ts), where something faster than TypeScript can make them. */

/** What the header of a file says of its packets, whose captured length comes first. */
export interface PcapShape {
  /** Before each frame. */
  readonly headerBytes: number;
  readonly littleEndian: boolean;
  readonly nanosecondsPerUnit: number;
  /** Bytes of a frame that are read; what a packet has beyond is skipped. */
  readonly snapBytes: number;
}

/** Bytes of it are those from `start` to `end`. */
export interface PcapPiece {
  readonly view: DataView;
  start: number;
  readonly end: number;
}

/** The records of a batch, and how many there are. */
export interface PcapRecords {
  readonly view: DataView;
  count: number;
}

/**
 * Moves whole packets from the start of the piece into an empty batch, as many as fit. It stops before a packet that is not here to its end, and before
 * one that claims more than a frame can have; nothing happens where it cannot read the memory of either.
 */
export type WalkPcap = (shape: PcapShape, piece: PcapPiece, batch: PcapRecords) => void;
