/**
 * The engine for hosts where no libpcap can be built, in JavaScript alone: pcapng files through pcapng.ts, classic pcap files
 * through the npm package pcap-parser. The package knows one format (microseconds, version 2.4), is silent about a file that ends in the middle of a
 * packet, and on an absurd length collects the rest of the file, copying all of it for every piece. So this adapter walks in
 * front of it: it names the formats that the package cannot read, follows the record headers, and hands over whole records
 * only, as many as fit the batch. Memory is one buffer of the longest record and a piece of the file, whatever the file says.
 */
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { OperationalError } from '../../model/operational-error.ts';
import {
  CAPTURED_LENGTH,
  FRAME_BYTES_MAX,
  NANOSECONDS,
  nextRecord,
  type PacketBatch,
  RECORD_HEADER_BYTES,
  SECONDS,
  WIRE_LENGTH,
} from '../../model/packet-batch.ts';
import {
  type CaptureStatistics,
  type PacketSource,
  READ,
  type ReadStatus,
  type SavefileEngine,
  type SavefileOptions,
} from '../../model/packet-source.ts';
import {
  type ByteSource,
  damagedAfter,
  displayName,
  openBytes,
  peek,
  SAVEFILE_STATISTICS,
  unreadable,
} from '../byte-source.ts';
import { LINK_TYPE_NFLOG, turnNflogAttributes } from '../nflog-byte-order.ts';
import { openPcapng, PCAPNG_MAGIC } from '../pcapng.ts';

const MAGIC_BYTES = 4;
const FILE_HEADER_BYTES = 24;
const FILE_RECORD_HEADER_BYTES = 16;
/** Bytes asked of the file at once. */
const PIECE_BYTES = 256 * 1024;
const BUFFER_BYTES = FILE_RECORD_HEADER_BYTES + FRAME_BYTES_MAX + PIECE_BYTES;
/** The upper bits of the link type field say how long the frame check sequence is. */
const LINK_TYPE_MASK = 0x03ffffff;
const MICROSECONDS_PER_SECOND = 1_000_000;

/** What a file begins with that is not for this engine, by its first four bytes in the order of the file. */
const OTHER_FORMATS: ReadonlyMap<number, string> = new Map([
  [0xa1b23c4d, 'a pcap file with nanosecond times'],
  [0x4d3cb2a1, 'a pcap file with nanosecond times'],
  [0xa1b2cd34, 'a pcap file in the modified format of 1990s Linux (magic a1b2cd34)'],
  [0x34cdb2a1, 'a pcap file in the modified format of 1990s Linux (magic a1b2cd34)'],
]);
const BIG_ENDIAN_MAGIC = 0xa1b2c3d4;
const LITTLE_ENDIAN_MAGIC = 0xd4c3b2a1;

/** The part of pcap-parser 0.2.1 used here; it ships no types. */
interface ParsedPacket {
  readonly header: {
    readonly timestampSeconds: number;
    readonly timestampMicroseconds: number;
    readonly capturedLength: number;
    readonly originalLength: number;
  };
  readonly data: Buffer;
}
interface ParsedFileHeader {
  readonly snapshotLength: number;
  readonly linkLayerType: number;
}
interface Parser extends EventEmitter {
  on(event: 'globalHeader', listener: (header: ParsedFileHeader) => void): this;
  on(event: 'packet', listener: (packet: ParsedPacket) => void): this;
}
interface PcapParser {
  parse(stream: EventEmitter): Parser;
}

/** The stream that pcap-parser listens to; what is fed is parsed before `emit` returns. */
class Feed extends EventEmitter {
  pause(): void {}
  resume(): void {}
}

function wrongFormat(path: string, what: string): OperationalError {
  return new OperationalError(
    'savefile.format',
    `Reading ${displayName(path)} failed, it is ${what}, which the savefile engine cannot read: use --engine libpcap.`,
  );
}

class SavefileSource implements PacketSource {
  readonly name: string;
  linkType = 0;
  failure: OperationalError | undefined;
  readonly #bytes: ByteSource;
  readonly #feed = new Feed();
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  /** The bytes not yet handed over are those from `#start` to `#end`. */
  #start = 0;
  #end = 0;
  #ended = false;
  #littleEndian = true;
  #snapshot = FRAME_BYTES_MAX;
  #packets = 0;
  #batch: PacketBatch | undefined;
  #offset = 0;

  constructor(path: string, bytes: ByteSource, parser: PcapParser) {
    this.name = path;
    this.#bytes = bytes;
    const parsed = parser.parse(this.#feed);
    parsed.on('globalHeader', (header) => this.#acceptHeader(header));
    parsed.on('packet', (packet) => this.#acceptPacket(packet));
  }

  /** Reads the file header. @throws OperationalError `savefile.format`, or what the file system says */
  async start(): Promise<void> {
    while (this.#end < FILE_HEADER_BYTES && !this.#ended) await this.#fill();
    this.#checkHeader();
    this.#feed.emit('data', this.#buffer.subarray(0, FILE_HEADER_BYTES));
    this.#start = FILE_HEADER_BYTES;
  }

  #checkHeader(): void {
    const magic = this.#end < 4 ? 0 : this.#buffer.readUInt32BE(0);
    const other = OTHER_FORMATS.get(magic);
    if (other !== undefined) throw wrongFormat(this.name, other);
    if (magic !== BIG_ENDIAN_MAGIC && magic !== LITTLE_ENDIAN_MAGIC) {
      throw new OperationalError(
        'savefile.format',
        `Reading ${displayName(this.name)} failed, it is not a capture file: it does not begin with a pcap magic number.`,
      );
    }
    if (this.#end < FILE_HEADER_BYTES) {
      throw new OperationalError(
        'savefile.format',
        `Reading ${displayName(this.name)} failed, its file header is cut after ${this.#end} of ${FILE_HEADER_BYTES} bytes.`,
      );
    }
    this.#littleEndian = magic === LITTLE_ENDIAN_MAGIC;
    const major = this.#littleEndian ? this.#buffer.readUInt16LE(4) : this.#buffer.readUInt16BE(4);
    const minor = this.#littleEndian ? this.#buffer.readUInt16LE(6) : this.#buffer.readUInt16BE(6);
    if (major !== 2 || minor !== 4) throw wrongFormat(this.name, `a pcap file of version ${major}.${minor}`);
  }

  #acceptHeader(header: ParsedFileHeader): void {
    this.linkType = header.linkLayerType & LINK_TYPE_MASK;
    /* As libpcap: zero or absurd means the longest; a record longer than this is cut to it. */
    const stated = header.snapshotLength;
    this.#snapshot = stated === 0 || stated > 0x7fffffff ? FRAME_BYTES_MAX : Math.min(stated, FRAME_BYTES_MAX);
  }

  async read(batch: PacketBatch): Promise<ReadStatus> {
    batch.count = 0;
    if (this.failure !== undefined) return READ.failed;
    for (;;) {
      this.#handOver(batch);
      if (batch.count > 0) return READ.packets;
      if (this.#absurdLength() !== undefined) return this.#fail(`a record claims ${this.#absurdLength()} bytes`);
      if (this.#ended) return this.#start === this.#end ? READ.end : this.#fail('it ends in the middle of a packet');
      try {
        await this.#fill();
      } catch (error) {
        this.failure = unreadable(this.name, error);
        return READ.failed;
      }
    }
  }

  /** Feeds the parser every whole record that is here and fits the batch. */
  #handOver(batch: PacketBatch): void {
    let at = this.#start;
    let offset = 0;
    for (;;) {
      const length = this.#recordLength(at);
      if (length === undefined || length > FRAME_BYTES_MAX) break;
      const after = at + FILE_RECORD_HEADER_BYTES + length;
      const captured = Math.min(length, this.#snapshot);
      if (after > this.#end || offset + RECORD_HEADER_BYTES + captured > batch.view.byteLength) break;
      offset = nextRecord(offset, captured);
      at = after;
    }
    if (at === this.#start) return;
    this.#batch = batch;
    this.#offset = 0;
    this.#feed.emit('data', this.#buffer.subarray(this.#start, at));
    this.#batch = undefined;
    this.#start = at;
    this.#packets += batch.count;
  }

  #acceptPacket(packet: ParsedPacket): void {
    const batch = this.#batch!;
    const { view } = batch;
    const at = this.#offset;
    const captured = Math.min(packet.header.capturedLength, this.#snapshot);
    const micros = packet.header.timestampMicroseconds;
    const carry = Math.floor(micros / MICROSECONDS_PER_SECOND);
    view.setFloat64(at + SECONDS, packet.header.timestampSeconds + carry, true);
    view.setUint32(at + NANOSECONDS, (micros - carry * MICROSECONDS_PER_SECOND) * 1000, true);
    view.setUint32(at + CAPTURED_LENGTH, captured, true);
    view.setUint32(at + WIRE_LENGTH, Math.max(packet.header.originalLength, captured), true);
    view.setUint32(at + WIRE_LENGTH + 4, 0, true);
    new Uint8Array(view.buffer, view.byteOffset + at + RECORD_HEADER_BYTES, captured).set(
      packet.data.subarray(0, captured),
    );
    if (!this.#littleEndian && this.linkType === LINK_TYPE_NFLOG) {
      turnNflogAttributes(view, at + RECORD_HEADER_BYTES, captured);
    }
    this.#offset = nextRecord(at, captured);
    batch.count++;
  }

  /** The captured length that the record at `at` claims; undefined when its header is not all here. */
  #recordLength(at: number): number | undefined {
    if (this.#end - at < FILE_RECORD_HEADER_BYTES) return undefined;
    return this.#littleEndian ? this.#buffer.readUInt32LE(at + 8) : this.#buffer.readUInt32BE(at + 8);
  }

  #absurdLength(): number | undefined {
    const length = this.#recordLength(this.#start);
    return length !== undefined && length > FRAME_BYTES_MAX ? length : undefined;
  }

  async #fill(): Promise<void> {
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    const room = Math.min(PIECE_BYTES, BUFFER_BYTES - this.#end);
    const got = await this.#bytes.read(this.#buffer, this.#end, room);
    this.#end += got;
    this.#ended = got === 0;
  }

  #fail(text: string): ReadStatus {
    this.failure = damagedAfter(this.name, this.#packets, text);
    return READ.failed;
  }

  statistics(): CaptureStatistics {
    return SAVEFILE_STATISTICS;
  }

  close(): void {
    this.#bytes.close();
  }
}

function loadParser(): PcapParser {
  try {
    return createRequire(import.meta.url)('pcap-parser') as PcapParser;
  } catch (error) {
    throw new OperationalError(
      'capture.engine-missing',
      'The savefile engine needs the npm package pcap-parser, which cannot be loaded: run npm install in the flowlogd folder.',
      error,
    );
  }
}

async function openSavefile(options: SavefileOptions, openFile: typeof openBytes): Promise<PacketSource> {
  if (options.filter !== '') {
    throw new OperationalError(
      'capture.filter',
      `The filter "${options.filter}" cannot be applied, the savefile engine has no pcap-filter(7): use --engine libpcap.`,
    );
  }
  let bytes: ByteSource;
  let head: Buffer;
  try {
    bytes = await openFile(options.path);
  } catch (error) {
    throw unreadable(options.path, error);
  }
  try {
    ({ head, bytes } = await peek(bytes, MAGIC_BYTES));
    if (head.equals(PCAPNG_MAGIC)) return await openPcapng(options.path, bytes);
    const source = new SavefileSource(options.path, bytes, loadParser());
    await source.start();
    return source;
  } catch (error) {
    bytes.close();
    throw error instanceof OperationalError ? error : unreadable(options.path, error);
  }
}

/** `openFile` is where its bytes come from: the file system, unless a test says otherwise. */
export function createSavefileEngine(openFile = openBytes): SavefileEngine {
  return { name: 'savefile', open: (options) => openSavefile(options, openFile) };
}
