/**
 * The engine that reads classic pcap through the npm package pcap-parser: a second account of what a file holds, of which no line is
 * ours. The package knows one format (microseconds, version 2.4), is silent about a file that ends in the middle of a packet, and on an
 * absurd length collects the rest of the file, copying all of it for every piece. So what it cannot read is refused by the file's
 * header, and it is fed whole packets only, as many as fit the batch.
 */
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { OperationalError } from '../../model/operational-error.ts';
import { FRAME_BYTES_MAX, nextRecord, type PacketBatch } from '../../model/packet-batch.ts';
import {
  CAPTURED_LENGTH,
  FRAME,
  NANOSECONDS,
  RECORD_HEADER_BYTES,
  SECONDS,
  WIRE_LENGTH,
} from '../../model/packet-batch-layout.ts';
import type { PacketSource, SavefileEngine, SavefileOptions } from '../../model/packet-source.ts';
import { displayName, openBytes, readingFailure } from '../byte-source.ts';
import { LINK_TYPE_NFLOG, turnNflogAttributes } from '../nflog-byte-order.ts';
import { FILE_HEADER_BYTES, PACKET_BYTES_MAX, type PcapHeader, readPcapHeader } from '../pcap.ts';
import { type SavefileFormat, SavefileInput, SavefileSource } from '../savefile-input.ts';

const PACKET_HEADER_BYTES = 16;
const MICROSECONDS_PER_SECOND = 1_000_000;

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
interface Parser extends EventEmitter {
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

/** The packets of a file, whose header is at the input's start. */
class PcapParserFormat implements SavefileFormat {
  readonly linkType: number;
  readonly littleEndian: boolean;
  readonly unit = 'packet';
  damage: string | undefined;
  readonly #input: SavefileInput;
  readonly #snapBytes: number;
  readonly #feed = new Feed();
  #batch: PacketBatch | undefined;
  #offset = 0;

  constructor(input: SavefileInput, header: PcapHeader, parser: PcapParser) {
    this.#input = input;
    this.#snapBytes = header.snapBytes;
    this.linkType = header.linkType;
    this.littleEndian = header.littleEndian;
    parser.parse(this.#feed).on('packet', (packet) => this.#acceptPacket(packet));
    this.#parseUpTo(input.start + FILE_HEADER_BYTES);
  }

  handOver(batch: PacketBatch): void {
    const end = this.#endOfFitting(batch.view.byteLength);
    if (end === this.#input.start) return;
    this.#batch = batch;
    this.#offset = 0;
    batch.frames = undefined;
    this.#parseUpTo(end);
  }

  /** Where the packets end that are here whole and fit a batch. */
  #endOfFitting(batchBytes: number): number {
    const { view, end } = this.#input;
    let at = this.#input.start;
    for (let offset = 0; end - at >= PACKET_HEADER_BYTES; ) {
      const length = view.getUint32(at + 8, this.littleEndian);
      if (length > FRAME_BYTES_MAX) {
        this.damage = `a packet claims ${length} bytes`;
        break;
      }
      const after = at + PACKET_HEADER_BYTES + length;
      const kept = Math.min(length, this.#snapBytes);
      if (after > end || offset + RECORD_HEADER_BYTES + kept > batchBytes) break;
      offset = nextRecord(offset, kept);
      at = after;
    }
    return at;
  }

  #parseUpTo(end: number): void {
    const { bytes, start } = this.#input;
    this.#input.start = end;
    this.#feed.emit('data', Buffer.from(bytes.buffer, start, end - start));
  }

  #acceptPacket({ header, data }: ParsedPacket): void {
    const batch = this.#batch!;
    const { view } = batch;
    const at = this.#offset;
    const kept = Math.min(header.capturedLength, this.#snapBytes);
    const carry = Math.floor(header.timestampMicroseconds / MICROSECONDS_PER_SECOND);
    view.setFloat64(at + SECONDS, header.timestampSeconds + carry, true);
    view.setUint32(at + NANOSECONDS, (header.timestampMicroseconds - carry * MICROSECONDS_PER_SECOND) * 1000, true);
    view.setUint32(at + CAPTURED_LENGTH, kept, true);
    view.setUint32(at + WIRE_LENGTH, Math.max(header.originalLength, kept), true);
    view.setUint32(at + FRAME, 0, true);
    new Uint8Array(view.buffer, view.byteOffset + at + RECORD_HEADER_BYTES, kept).set(data.subarray(0, kept));
    if (!this.littleEndian && this.linkType === LINK_TYPE_NFLOG) {
      turnNflogAttributes(view, at + RECORD_HEADER_BYTES, kept);
    }
    this.#offset = nextRecord(at, kept);
    batch.count++;
  }
}

function loadParser(): PcapParser {
  try {
    return createRequire(import.meta.url)('pcap-parser') as PcapParser;
  } catch (error) {
    throw new OperationalError(
      'capture.engine-missing',
      'The engine pcap-parser needs the npm package pcap-parser, which cannot be loaded: run npm install in the flowlogd folder.',
      error,
    );
  }
}

/** Why the package cannot read such a file. */
function refusalOf(header: PcapHeader | string): string | undefined {
  if (typeof header === 'string') return header;
  const { headerBytes, nanosecondsPerUnit, lengthOrder } = header;
  const isKnown =
    headerBytes === PACKET_HEADER_BYTES && nanosecondsPerUnit === 1000 && lengthOrder === 'captured first';
  return isKnown ? undefined : 'it is a pcap file of another kind than 2.4 with microseconds';
}

function checkedHeader(path: string, input: SavefileInput): PcapHeader {
  const header = readPcapHeader(input.view, input.end);
  const refusal = refusalOf(header);
  if (refusal === undefined) return header as PcapHeader;
  throw new OperationalError(
    'savefile.format',
    `Reading ${displayName(path)} failed, ${refusal}. The engine pcap-parser reads classic pcap 2.4 with microseconds: use --engine savefile.`,
  );
}

async function openPcap({ path, filter }: SavefileOptions): Promise<PacketSource> {
  if (filter !== '') {
    throw new OperationalError(
      'capture.filter',
      `The filter "${filter}" cannot be applied, the engine pcap-parser has no pcap-filter(7): use --engine savefile.`,
    );
  }
  const parser = loadParser();
  let input: SavefileInput | undefined;
  try {
    input = new SavefileInput(await openBytes(path), PACKET_BYTES_MAX);
    await input.fillTo(FILE_HEADER_BYTES);
    return new SavefileSource(path, input, new PcapParserFormat(input, checkedHeader(path, input), parser));
  } catch (error) {
    input?.close();
    throw readingFailure(path, 0, error);
  }
}

export function createPcapParserEngine(): SavefileEngine {
  return { name: 'pcap-parser', open: openPcap };
}
