/**
 * Finds where the frames of zstd data end, because Node's decompressor drops what follows the end of a frame in the same write, and
 * does not say that the last frame was cut. Format: https://www.rfc-editor.org/rfc/rfc8878, section 3.1.
 *
 *     | magic (4) | descriptor (1) | window, dictionary, size (0 to 13) | blocks ... | checksum (0 or 4)
 *     | magic (4) | length (4) | skipped ...
 *
 *     a block:  | last, type, size (3) | as many bytes as its type says
 */
import { DamagedBytes } from '../byte-source.ts';

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
/** A block of this type repeats one byte, whatever its size. */
const RLE = 1;

const SINGLE_SEGMENT = 0x20;
const HAS_CHECKSUM = 0x04;
const DICTIONARY_BYTES = [0, 1, 2, 4];
const SIZE_BYTES = [0, 2, 4, 8];

/** Fields by what they are, with their length. */
const FIELD_BYTES = { magic: 4, skippable: 4, descriptor: 1, block: BLOCK_HEADER_BYTES } as const;
type State = keyof typeof FIELD_BYTES;

export class ZstdFrames {
  #state: State = 'magic';
  readonly #field = new DataView(new ArrayBuffer(4));
  #fieldBytes = 0;
  /** Bytes to pass by before the next field. */
  #skip = 0;
  #hasChecksum = false;

  /** No frame is begun. */
  get isWhole(): boolean {
    return this.#state === 'magic' && this.#fieldBytes === 0 && this.#skip === 0;
  }

  /** Answers where the frame that `piece` has at `at` ends, or the end of the piece. @throws DamagedBytes */
  next(piece: Uint8Array, at: number): number {
    let next = at;
    while (next < piece.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, piece.length - next);
        this.#skip -= skipped;
        next += skipped;
      } else {
        this.#field.setUint8(this.#fieldBytes++, piece[next++]!);
        if (this.#fieldBytes === FIELD_BYTES[this.#state]) this.#take();
      }
      if (this.isWhole) break;
    }
    return next;
  }

  #take(): void {
    this.#fieldBytes = 0;
    switch (this.#state) {
      case 'magic':
        this.#state = this.#frameKind(this.#field.getUint32(0, true));
        break;
      case 'skippable':
        this.#skip = this.#field.getUint32(0, true);
        this.#state = 'magic';
        break;
      case 'descriptor':
        this.#takeDescriptor(this.#field.getUint8(0));
        break;
      case 'block':
        this.#takeBlock(this.#field.getUint16(0, true) | (this.#field.getUint8(2) << 16));
    }
  }

  #frameKind(magic: number): State {
    if (magic === MAGIC) return 'descriptor';
    if ((magic & ~0xf) >>> 0 === SKIPPABLE_MAGIC) return 'skippable';
    throw new DamagedBytes('its zstd data is corrupt (no frame where one begins)');
  }

  #takeDescriptor(descriptor: number): void {
    const isSingle = (descriptor & SINGLE_SEGMENT) !== 0;
    const sizeFlag = descriptor >>> 6;
    const sizeBytes = sizeFlag === 0 && isSingle ? 1 : SIZE_BYTES[sizeFlag]!;
    this.#hasChecksum = (descriptor & HAS_CHECKSUM) !== 0;
    this.#skip = (isSingle ? 0 : 1) + DICTIONARY_BYTES[descriptor & 3]! + sizeBytes;
    this.#state = 'block';
  }

  #takeBlock(header: number): void {
    const isLast = (header & 1) === 1;
    this.#skip = ((header >>> 1) & 3) === RLE ? 1 : header >>> 3;
    if (!isLast) return;
    if (this.#hasChecksum) this.#skip += CHECKSUM_BYTES;
    this.#state = 'magic';
  }
}
