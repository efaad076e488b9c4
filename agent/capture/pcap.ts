/**
 * Reads classic pcap in TypeScript, as libpcap does: every magic number, both byte orders, versions 2.0 to 2.4 and 543.0 (DG/UX).
 * Format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html. A file header, then packets without any padding:
 *
 *     0       4       6       8                16           20           24
 *     | magic | major | minor | zone, accuracy | snap length | link type |
 *
 *     0         4          8                 12            16
 *     | seconds | fraction | captured length | wire length | frame ...
 *
 * In the modified format (magic a1b2cd34) eight bytes more, of which nothing is read, stand before the frame. Up to version 2.2 the
 * two lengths are in the other order, and in 2.3 the greater one is that of the wire. The fraction is in microseconds, or in
 * nanoseconds with the magic a1b23c4d; both times are unsigned, and a fraction of more than a second is carried.
 *
 * Hot: `handOver` runs once per packet, allocates nothing and leaves frames where they are. Where both the file's bytes and the batch are in the
 * kernel's memory, the kernel takes the packets first (kernel/assembly/pcap.ts), up to the one that is decided here.
 */
import { FRAME_BYTES_MAX, type PacketBatch } from '../model/packet-batch.ts';
import {
  CAPTURED_LENGTH,
  FRAME,
  NANOSECONDS,
  RECORD_HEADER_BYTES,
  SECONDS,
  WIRE_LENGTH,
} from '../model/packet-batch-layout.ts';
import type { PcapShape, WalkPcap } from '../model/pcap-walk.ts';
import { LINK_TYPE_NFLOG, turnNflogAttributes } from './nflog-byte-order.ts';
import type { SavefileFormat, SavefileInput } from './savefile-input.ts';

export const FILE_HEADER_BYTES = 24;
const PACKET_HEADER_BYTES = 16;
/** The longest packet of a file with its header: no more need be here at once. */
export const PACKET_BYTES_MAX = 24 + FRAME_BYTES_MAX;
/** The upper bits of the field say how long the frame check sequence is, which no decoder needs: lengths come from IP headers. */
const LINK_TYPE_MASK = 0x03ff_ffff;
const LINK_TYPE_ETHERNET = 1;
/** A cooked capture of the modified format has an Ethernet header more than its snapshot length says. */
const FAKED_HEADER_BYTES = 14;
const SNAP_BYTES_STATED_MAX = 0x7fff_ffff;
const NANOSECONDS_PER_SECOND = 1_000_000_000;

interface Dialect {
  readonly headerBytes: number;
  readonly nanosecondsPerUnit: number;
}
const DIALECTS: ReadonlyMap<number, Dialect> = new Map([
  [0xa1b2c3d4, { headerBytes: PACKET_HEADER_BYTES, nanosecondsPerUnit: 1000 }],
  [0xa1b23c4d, { headerBytes: PACKET_HEADER_BYTES, nanosecondsPerUnit: 1 }],
  [0xa1b2cd34, { headerBytes: PACKET_HEADER_BYTES + 8, nanosecondsPerUnit: 1000 }],
]);

/** Which of a packet's two lengths is the captured one. */
type LengthOrder = 'captured first' | 'captured second' | 'smaller is captured';

export interface PcapHeader extends PcapShape {
  readonly linkType: number;
  readonly lengthOrder: LengthOrder;
}

/** Reads the header of a file, of which `available` bytes are here; answers in words why it is none. */
export function readPcapHeader(view: DataView, available: number): PcapHeader | string {
  const magic = available < 4 ? 0 : view.getUint32(0, true);
  const littleEndian = DIALECTS.has(magic);
  const dialect = DIALECTS.get(littleEndian || available < 4 ? magic : view.getUint32(0));
  if (dialect === undefined) return 'it is not a capture file: it begins with no magic number of pcap or pcapng';
  if (available < FILE_HEADER_BYTES) return `its file header is cut after ${available} of ${FILE_HEADER_BYTES} bytes`;
  const lengthOrder = lengthOrderOf(view.getUint16(4, littleEndian), view.getUint16(6, littleEndian));
  if (lengthOrder === undefined) {
    const version = `${view.getUint16(4, littleEndian)}.${view.getUint16(6, littleEndian)}`;
    return `it is a pcap file of version ${version}; expected 2.0 to 2.4`;
  }
  const linkType = view.getUint32(20, littleEndian) & LINK_TYPE_MASK;
  const isPatchedEthernet = dialect.headerBytes > PACKET_HEADER_BYTES && linkType === LINK_TYPE_ETHERNET;
  const stated = statedSnapBytes(view.getUint32(16, littleEndian)) + (isPatchedEthernet ? FAKED_HEADER_BYTES : 0);
  return { ...dialect, littleEndian, linkType, lengthOrder, snapBytes: Math.min(stated, FRAME_BYTES_MAX) };
}

function lengthOrderOf(major: number, minor: number): LengthOrder | undefined {
  if (major === 543 && minor === 0) return 'captured second';
  if (major !== 2 || minor > 4) return undefined;
  if (minor === 4) return 'captured first';
  return minor === 3 ? 'smaller is captured' : 'captured second';
}

/** Zero and absurd lengths mean the longest. */
function statedSnapBytes(stated: number): number {
  return stated === 0 || stated > SNAP_BYTES_STATED_MAX ? FRAME_BYTES_MAX : stated;
}

/** The header of a file as above, with microseconds and the longest snapshot length. */
export function pcapHeader(linkType: number, littleEndian: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(FILE_HEADER_BYTES));
  view.setUint32(0, 0xa1b2c3d4, littleEndian);
  view.setUint16(4, 2, littleEndian);
  view.setUint16(6, 4, littleEndian);
  view.setUint32(16, FRAME_BYTES_MAX, littleEndian);
  view.setUint32(20, linkType, littleEndian);
  return new Uint8Array(view.buffer);
}

/** The packets of a file, whose header is behind the input's start. */
export class PcapFormat implements SavefileFormat {
  readonly linkType: number;
  readonly littleEndian: boolean;
  readonly unit = 'packet';
  damage: string | undefined;
  readonly #input: SavefileInput;
  readonly #header: PcapHeader;
  readonly #turnsNflog: boolean;
  /** Undefined where packets have to be seen here. */
  readonly #walk: WalkPcap | undefined;

  constructor(input: SavefileInput, header: PcapHeader, walk?: WalkPcap) {
    this.#input = input;
    this.#header = header;
    this.linkType = header.linkType;
    this.littleEndian = header.littleEndian;
    this.#turnsNflog = !header.littleEndian && header.linkType === LINK_TYPE_NFLOG;
    this.#walk = this.#turnsNflog || header.lengthOrder !== 'captured first' ? undefined : walk;
  }

  handOver(batch: PacketBatch): void {
    const input = this.#input;
    this.#walk?.(this.#header, input, batch);
    const from = input.view;
    const { end } = input;
    const { headerBytes, littleEndian, snapBytes, lengthOrder, nanosecondsPerUnit } = this.#header;
    const isOrdered = lengthOrder === 'captured first';
    const { view } = batch;
    const bytesMax = view.byteLength - RECORD_HEADER_BYTES + 1;
    let { count } = batch;
    let at = input.start;
    for (
      let offset = count * RECORD_HEADER_BYTES;
      offset < bytesMax && end - at >= headerBytes;
      offset += RECORD_HEADER_BYTES
    ) {
      let captured = from.getUint32(at + 8, littleEndian);
      let wire = from.getUint32(at + 12, littleEndian);
      if (!isOrdered && (captured > wire || lengthOrder === 'captured second')) [captured, wire] = [wire, captured];
      if (captured > FRAME_BYTES_MAX) {
        this.damage = `a packet claims ${captured} bytes`;
        break;
      }
      const after = at + headerBytes + captured;
      if (after > end) break;
      const kept = Math.min(captured, snapBytes);
      const time = from.getUint32(at + 4, littleEndian) * nanosecondsPerUnit;
      const carry = time < NANOSECONDS_PER_SECOND ? 0 : Math.floor(time / NANOSECONDS_PER_SECOND);
      view.setFloat64(offset + SECONDS, from.getUint32(at, littleEndian) + carry, true);
      view.setUint32(offset + NANOSECONDS, time - carry * NANOSECONDS_PER_SECOND, true);
      view.setUint32(offset + CAPTURED_LENGTH, kept, true);
      view.setUint32(offset + WIRE_LENGTH, Math.max(wire, kept), true);
      view.setUint32(offset + FRAME, at + headerBytes, true);
      if (this.#turnsNflog) turnNflogAttributes(from, at + headerBytes, kept);
      at = after;
      count++;
    }
    input.start = at;
    batch.frames = from;
    batch.count = count;
  }
}
