/**
 * Reads pcapng in TypeScript, because libpcap gives a whole capture one link type, one snapshot length and one byte order and
 * stops at a file that has several; here each packet keeps what its own interface says. Format:
 * https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html. Blocks follow one another, each on a multiple of four bytes:
 *
 *     0      4        8                length - 4
 *     | type | length | body, padded   | length |
 *
 *     body of a packet block: | interface | timestamp high | low | captured length | wire length | frame | options
 *     of an obsolete one:     the interface in two bytes, then two bytes of drops
 *     of a simple one:        | wire length | frame
 *
 * Read are section headers, interface descriptions and the three kinds of packet blocks; every other block is skipped. Memory
 * is one buffer, which grows as far as one block of 16 MiB needs and no further. A frame longer than a batch can hold is cut,
 * its length on the wire stays. Whatever makes the rest of the file unreadable is damage: the packets before it count.
 *
 * Hot: `handOver` runs once per block, allocates nothing and leaves frames where they are.
 */
import type { MemoryPlaces } from '../model/memory-places.ts';
import { OperationalError } from '../model/operational-error.ts';
import { FRAME_BYTES_MAX, type PacketBatch } from '../model/packet-batch.ts';
import { CAPTURED_LENGTH, FRAME, RECORD_HEADER_BYTES, WIRE_LENGTH } from '../model/packet-batch-layout.ts';
import { type ByteSource, displayName } from './byte-source.ts';
import { LINK_TYPE_NFLOG, turnNflogAttributes } from './nflog-byte-order.ts';
import { NO_CLOCK, type PcapngInterface, readInterface } from './pcapng-interface.ts';
import { type SavefileFormat, SavefileInput, SavefileSource } from './savefile-input.ts';

/** What a pcapng file begins with, in either byte order: the type of the section header. */
export const PCAPNG_MAGIC = Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a);

const BLOCK = { section: 0x0a0d0d0a, interface: 1, obsoletePacket: 2, simplePacket: 3, packet: 6 } as const;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const SWAPPED_BYTE_ORDER_MAGIC = 0x4d3c2b1a;

const BLOCK_HEADER_BYTES = 8;
const BLOCK_BYTES_MIN = 12;
/** As libpcap: a longer block is damage. */
const BLOCK_BYTES_MAX = 16 * 1024 * 1024;
const SECTION_BYTES_MIN = 28;
/** From the start of a block to its frame. */
const FRAME_OFFSET = 28;
const SIMPLE_FRAME_OFFSET = 12;
const INTERFACES_MAX = 65_536;

class PcapngFormat implements SavefileFormat {
  linkType = 0;
  damage: string | undefined;
  readonly unit = 'block';
  littleEndian = true;
  readonly #input: SavefileInput;
  readonly #interfaces: PcapngInterface[] = [];
  #isFirstInterface = true;
  /** Of the frame that `#findFrame` found. */
  #frame = 0;
  #captured = 0;

  constructor(input: SavefileInput) {
    this.#input = input;
  }

  /** Answers in words what is wrong with the first section header, whose bytes are here as far as the file has them. */
  refusal(): string | undefined {
    const { end } = this.#input;
    return end < SECTION_BYTES_MIN ? `its section header is cut after ${end} bytes` : this.#wrongSection(0);
  }

  /** Goes through the blocks that are here whole, as long as their packets have one link type and fit the batch. */
  handOver(batch: PacketBatch): void {
    const input = this.#input;
    const { view } = batch;
    const bytesMax = view.byteLength - RECORD_HEADER_BYTES;
    batch.frames = input.view;
    let offset = 0;
    for (;;) {
      const at = input.start;
      const length = this.#blockLength(at);
      if (length === 0) break;
      const type = input.view.getUint32(at, this.littleEndian);
      if (type === BLOCK.packet || type === BLOCK.simplePacket || type === BLOCK.obsoletePacket) {
        const from = this.#findFrame(type, at, length);
        if (from === undefined || (batch.count > 0 && from.linkType !== this.linkType)) break;
        if (offset > bytesMax) break;
        this.linkType = from.linkType;
        this.#writeHeader(view, offset, at, type, from);
        if (!this.littleEndian && from.linkType === LINK_TYPE_NFLOG) {
          turnNflogAttributes(input.view, this.#frame, this.#captured);
        }
        offset += RECORD_HEADER_BYTES;
        batch.count++;
      } else if (type === BLOCK.section) {
        this.damage = this.#wrongSection(at);
        this.#interfaces.length = 0;
      } else if (type === BLOCK.interface) {
        this.damage = this.#addInterface(at, length);
      }
      if (this.damage !== undefined) break;
      input.start = at + length;
    }
  }

  /** The length of the block at `at`; 0 when it is not all here, or damaged. */
  #blockLength(at: number): number {
    const here = this.#input.end - at;
    if (here < BLOCK_BYTES_MIN) return 0;
    const { view } = this.#input;
    /* The section's byte order comes after the length that needs it. */
    if (view.getUint32(at, true) === BLOCK.section) {
      this.littleEndian = view.getUint32(at + BLOCK_HEADER_BYTES, true) === BYTE_ORDER_MAGIC;
    }
    const length = view.getUint32(at + 4, this.littleEndian);
    if (length < BLOCK_BYTES_MIN || length > BLOCK_BYTES_MAX || (length & 3) !== 0) {
      this.damage = `a block claims ${length} bytes`;
      return 0;
    }
    if (here < length) return 0;
    const repeated = view.getUint32(at + length - 4, this.littleEndian);
    if (repeated === length) return length;
    this.damage = `a block claims ${length} bytes at its start and ${repeated} at its end`;
    return 0;
  }

  /** What is wrong with the section header at `at`, its first 16 bytes being here. */
  #wrongSection(at: number): string | undefined {
    const magic = this.#input.view.getUint32(at + BLOCK_HEADER_BYTES, true);
    if (magic !== BYTE_ORDER_MAGIC && magic !== SWAPPED_BYTE_ORDER_MAGIC) return 'a section header has no byte order';
    const littleEndian = magic === BYTE_ORDER_MAGIC;
    const length = this.#input.view.getUint32(at + 4, littleEndian);
    if (length < SECTION_BYTES_MIN) return 'a section header is too short';
    const major = this.#input.view.getUint16(at + 12, littleEndian);
    const minor = this.#input.view.getUint16(at + 14, littleEndian);
    if (major === 1 && (minor === 0 || minor === 2)) return undefined;
    return `a section has version ${major}.${minor}, flowlogd knows 1.0 and 1.2, which is the same`;
  }

  #addInterface(at: number, length: number): string | undefined {
    if (this.#interfaces.length === INTERFACES_MAX) return `a section has more than ${INTERFACES_MAX} interfaces`;
    const each = readInterface(this.#input.view, at + BLOCK_HEADER_BYTES, length - BLOCK_BYTES_MIN, this.littleEndian);
    if (typeof each === 'string') return each;
    this.#interfaces.push(each);
    if (this.#isFirstInterface) this.linkType = each.linkType;
    this.#isFirstInterface = false;
    return undefined;
  }

  /** Finds where the frame of a packet block is, and how long; answers the interface it came in by. */
  #findFrame(type: number, at: number, length: number): PcapngInterface | undefined {
    const { view } = this.#input;
    const littleEndian = this.littleEndian;
    const isSimple = type === BLOCK.simplePacket;
    const offset = isSimple ? SIMPLE_FRAME_OFFSET : FRAME_OFFSET;
    const room = length - offset - 4;
    if (room < 0) {
      this.damage = `a packet block of ${length} bytes is too short`;
      return undefined;
    }
    let index = 0;
    if (type === BLOCK.packet) index = view.getUint32(at + 8, littleEndian);
    else if (!isSimple) index = view.getUint16(at + 8, littleEndian);
    const from = this.#interfaces[index];
    if (from === undefined) {
      this.damage = `a packet came in by interface ${index}, which the file does not describe`;
      return undefined;
    }
    const captured = isSimple
      ? Math.min(view.getUint32(at + 8, littleEndian), from.snapBytes, room)
      : view.getUint32(at + 20, littleEndian);
    if (captured > room) {
      this.damage = `a packet claims ${captured} bytes, of which its block has ${room}`;
      return undefined;
    }
    this.#frame = at + offset;
    this.#captured = Math.min(captured, FRAME_BYTES_MAX);
    return from;
  }

  #writeHeader(record: DataView, offset: number, at: number, type: number, from: PcapngInterface): void {
    const { view } = this.#input;
    const littleEndian = this.littleEndian;
    const isSimple = type === BLOCK.simplePacket;
    if (isSimple) NO_CLOCK.write(record, offset, 0, 0);
    else {
      from.clock.write(record, offset, view.getUint32(at + 12, littleEndian), view.getUint32(at + 16, littleEndian));
    }
    record.setUint32(offset + CAPTURED_LENGTH, this.#captured, true);
    let wire = view.getUint32(at + (isSimple ? 8 : 24), littleEndian);
    if (!isSimple) wire = Math.max(wire, view.getUint32(at + 20, littleEndian));
    record.setUint32(offset + WIRE_LENGTH, wire, true);
    record.setUint32(offset + FRAME, this.#frame, true);
  }
}

/**
 * `bytes` begin with the first section header; they are the source's to close.
 *
 * @throws OperationalError `savefile.format`, or what the file system says
 */
export async function openPcapng(path: string, bytes: ByteSource, places?: MemoryPlaces): Promise<SavefileSource> {
  const input = new SavefileInput(bytes, BLOCK_BYTES_MAX, places);
  const format = new PcapngFormat(input);
  await input.fillTo(SECTION_BYTES_MIN);
  const refusal = format.refusal();
  if (refusal !== undefined) {
    throw new OperationalError('savefile.format', `Reading ${displayName(path)} as pcapng failed: ${refusal}.`);
  }
  return new SavefileSource(path, input, format);
}
