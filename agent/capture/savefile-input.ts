/**
 * The part of a savefile that is in memory, and the source that the readers written in TypeScript have in common. A format
 * (pcapng.ts, pcap.ts) moves whole packets from the input into a batch; what surrounds that is here: asking the file
 * for more, the end, damage.
 */
import type { MemoryPlaces } from '../model/memory-places.ts';
import type { OperationalError } from '../model/operational-error.ts';
import type { PacketBatch } from '../model/packet-batch.ts';
import { type CaptureStatistics, type PacketSource, READ, type ReadStatus } from '../model/packet-source.ts';
import { type ByteSource, damagedAfter, readingFailure, SAVEFILE_STATISTICS } from './byte-source.ts';

/** Bytes asked of the file at once. */
const PIECE_BYTES = 256 * 1024;

/** The bytes not yet handed over are those from `start` to `end`. */
export class SavefileInput {
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView;
  start = 0;
  end = 0;
  /** The file has no more than is here. */
  ended = false;
  readonly #source: ByteSource;
  readonly #bytesMax: number;
  readonly #places: MemoryPlaces | undefined;
  /** Where the bytes are, unless on the heap. */
  #place: Uint8Array | undefined;

  /**
   * `longest` is what has to be here at once of a packet: beyond it, and a piece of the file, the buffer does not grow. It lies in
   * `places` as long as there is room.
   */
  constructor(source: ByteSource, longest: number, places?: MemoryPlaces) {
    this.#source = source;
    this.#bytesMax = longest + PIECE_BYTES;
    this.#places = places;
    this.bytes = this.#take(2 * PIECE_BYTES);
    this.view = viewOf(this.bytes);
  }

  /** Asks the file for one piece more. What is left over is less than one packet, so the buffer has a limit. */
  async fill(): Promise<void> {
    this.bytes.copyWithin(0, this.start, this.end);
    this.end -= this.start;
    this.start = 0;
    if (this.bytes.length - this.end < PIECE_BYTES) this.#grow();
    const got = await this.#source.read(this.bytes, this.end, PIECE_BYTES);
    this.end += got;
    this.ended = got === 0;
  }

  /** Asks for so many bytes, as far as the file has them. */
  async fillTo(bytes: number): Promise<void> {
    while (this.end - this.start < bytes && !this.ended) await this.fill();
  }

  get fileBytes(): number | undefined {
    return this.#source.fileBytes;
  }

  close(): void {
    this.#source.close();
    this.#giveBack(this.#place);
    this.#place = undefined;
  }

  #grow(): void {
    const place = this.#place;
    const grown = this.#take(Math.min(2 * this.bytes.length, this.#bytesMax));
    grown.set(this.bytes.subarray(0, this.end));
    this.bytes = grown;
    this.view = viewOf(grown);
    this.#giveBack(place);
  }

  #take(bytes: number): Uint8Array<ArrayBuffer> {
    const place = this.#places?.take(bytes);
    this.#place = place;
    return place ?? new Uint8Array(bytes);
  }

  #giveBack(place: Uint8Array | undefined): void {
    if (place !== undefined) this.#places?.giveBack(place.fill(0));
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** What a reader knows of its format. */
export interface SavefileFormat {
  /** Of all packets that were handed over last. */
  readonly linkType: number;
  /** The byte order of the file, or of its section. */
  readonly littleEndian: boolean;
  /** Why nothing after the input's start can be read. */
  readonly damage: string | undefined;
  /** What the packets are in, where the file ends in the middle of one. */
  readonly unit: string;
  /** Moves the packets that are here whole into an empty batch, as long as they have one link type and fit. */
  handOver(batch: PacketBatch): void;
}

export class SavefileSource implements PacketSource {
  readonly name: string;
  failure: OperationalError | undefined;
  readonly #input: SavefileInput;
  readonly #format: SavefileFormat;
  #packets = 0;

  constructor(path: string, input: SavefileInput, format: SavefileFormat) {
    this.name = path;
    this.#input = input;
    this.#format = format;
  }

  get linkType(): number {
    return this.#format.linkType;
  }

  get littleEndian(): boolean {
    return this.#format.littleEndian;
  }

  get fileBytes(): number | undefined {
    return this.#input.fileBytes;
  }

  read(batch: PacketBatch): ReadStatus | Promise<ReadStatus> {
    batch.count = 0;
    if (this.failure !== undefined) return READ.failed;
    this.#handOver(batch);
    return batch.count > 0 ? READ.packets : this.#readOn(batch);
  }

  async #readOn(batch: PacketBatch): Promise<ReadStatus> {
    const input = this.#input;
    while (batch.count === 0) {
      if (this.#format.damage !== undefined) return this.#fail(this.#format.damage);
      if (input.ended) {
        return input.start === input.end ? READ.end : this.#fail(`it ends in the middle of a ${this.#format.unit}`);
      }
      try {
        await input.fill();
      } catch (error) {
        this.failure = readingFailure(this.name, this.#packets, error);
        return READ.failed;
      }
      this.#handOver(batch);
    }
    return READ.packets;
  }

  #handOver(batch: PacketBatch): void {
    this.#format.handOver(batch);
    this.#packets += batch.count;
  }

  #fail(text: string): ReadStatus {
    this.failure = damagedAfter(this.name, this.#packets, text);
    return READ.failed;
  }

  statistics(): CaptureStatistics {
    return SAVEFILE_STATISTICS;
  }

  close(): void {
    this.#input.close();
  }
}
