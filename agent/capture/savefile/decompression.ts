/**
 * Compressed capture files, decompressed as they are read. Node's decompressors work on pool threads, so one core decompresses
 * what the other meters.
 *
 * Limits: one piece of the file, one of what it becomes, and the window of the decompressor (32 KiB of gzip, at most 128 MiB of zstd).
 * A decompression bomb takes time, not memory: nothing is decompressed before what is here was read.
 *
 * Pieces are always full, so that what comes out of a corrupt file does not depend on how it came in.
 */
import type { Duplex } from 'node:stream';
import * as zlib from 'node:zlib';
import { OperationalError } from '../../model/operational-error.ts';
import { type ByteSource, DamagedBytes, displayName } from '../byte-source.ts';
import type { Coding } from './coding.ts';
import { ZstdFrames } from './zstd-frames.ts';

const PIECE_BYTES = 64 * 1024;
const DECOMPRESSED_PIECE_BYTES = 256 * 1024;

type CreateDecompressor = (options: zlib.ZlibOptions) => Duplex;
/** Node has it from 22.15 on. */
const createZstd = (zlib as unknown as { createZstdDecompress?: CreateDecompressor }).createZstdDecompress;

/** The bytes that `bytes` are compressed of. @throws OperationalError `savefile.format` where Node has no decompressor */
export function decompressed(path: string, bytes: ByteSource, coding: Coding): ByteSource {
  const options = { chunkSize: DECOMPRESSED_PIECE_BYTES };
  if (coding.name === 'gzip') return new DecompressedBytes(coding.name, bytes, zlib.createGunzip(options));
  if (coding.name === 'zstd' && createZstd !== undefined) {
    return new DecompressedBytes(coding.name, bytes, createZstd(options), new ZstdFrames());
  }
  throw notDecompressed(path, coding);
}

function notDecompressed(path: string, { name, command }: Coding): OperationalError {
  const why =
    name === 'zstd'
      ? `which Node ${process.versions.node} cannot decompress (22.15 and newer can)`
      : 'which flowlogd does not decompress';
  const line = `${command}${path === '-' ? '' : ` ${path}`} | flowlogd replay -`;
  return new OperationalError(
    'savefile.format',
    `Reading ${displayName(path)} failed, it is ${name} data, ${why}: run ${line} instead.`,
  );
}

/** Where a write to the decompressor has to end. */
interface Frames {
  /** Answers the end of what may be written of `piece` at once, from `at` on. @throws DamagedBytes */
  next(piece: Uint8Array, at: number): number;
  /** Whether the data may end here. */
  readonly isWhole: boolean;
}

class DecompressedBytes implements ByteSource {
  readonly #name: string;
  readonly #source: ByteSource;
  readonly #decompressor: Duplex;
  readonly #frames: Frames | undefined;
  fileBytes = 0;
  #piece: Buffer = Buffer.alloc(0);
  #isFed = false;
  #isOver = false;
  #isClosed = false;
  #failure: unknown;
  #wake = (): void => undefined;

  constructor(name: string, source: ByteSource, decompressor: Duplex, frames?: Frames) {
    this.#name = name;
    this.#source = source;
    this.#decompressor = decompressor;
    this.#frames = frames;
    decompressor.on('readable', () => this.#wake());
    decompressor.on('end', () => {
      this.#isOver = true;
      this.#wake();
    });
    decompressor.on('error', (error) => this.#fail(this.#damage(error)));
  }

  async read(buffer: Uint8Array, offset: number, length: number): Promise<number> {
    if (!this.#isFed) void this.#feed();
    this.#isFed = true;
    while (this.#piece.length === 0) {
      const piece = this.#decompressor.read() as Buffer | null;
      if (piece !== null) this.#piece = piece;
      else if (this.#failure !== undefined) throw this.#failure;
      else if (this.#isOver) return 0;
      else await this.#change();
    }
    const copied = this.#piece.copy(buffer, offset, 0, length);
    this.#piece = this.#piece.subarray(copied);
    return copied;
  }

  close(): void {
    this.#isClosed = true;
    this.#decompressor.destroy();
    this.#source.close();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #fail(failure: unknown): void {
    this.#failure ??= failure;
    this.#wake();
  }

  #damage(error: NodeJS.ErrnoException): DamagedBytes {
    switch (error.code) {
      case 'Z_BUF_ERROR':
        return new DamagedBytes(`its ${this.#name} data is truncated`);
      case 'ZSTD_error_frameParameter_windowTooLarge':
        return new DamagedBytes('its zstd data needs more than 128 MiB; pipe it through zstdcat --long=31');
      default:
        return new DamagedBytes(`its ${this.#name} data is corrupt (${error.message})`);
    }
  }

  /** Piece by piece: each is decompressed, as far as it goes, before the next is read. */
  async #feed(): Promise<void> {
    const piece = Buffer.alloc(PIECE_BYTES);
    try {
      for (let bytes = PIECE_BYTES; bytes === PIECE_BYTES; ) {
        bytes = await this.#fill(piece);
        for (let at = 0; at < bytes && !this.#isClosed; ) {
          const end = this.#frames?.next(piece.subarray(0, bytes), at) ?? bytes;
          await this.#write(piece.subarray(at, end));
          at = end;
        }
      }
      if (this.#frames?.isWhole === false) throw new DamagedBytes(`its ${this.#name} data is truncated`);
      this.#decompressor.end();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A closed file is not read from: another may have its number. */
  async #fill(piece: Buffer): Promise<number> {
    let bytes = 0;
    while (bytes < piece.length && !this.#isClosed) {
      const got = await this.#source.read(piece, bytes, piece.length - bytes);
      if (got === 0) break;
      bytes += got;
    }
    this.fileBytes += bytes;
    return bytes;
  }

  #write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#decompressor.write(bytes, (error) => (error ? reject(this.#damage(error)) : resolve()));
    });
  }
}
