/** Where the readers written in TypeScript get the bytes of a savefile from. */
import { closeSync, fstatSync, open, readSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { getSystemErrorMap, promisify } from 'node:util';
import { OperationalError } from '../model/operational-error.ts';
import type { CaptureStatistics } from '../model/packet-source.ts';

/** The bytes came, but they are not what they should be; the message is the reason, as a clause. */
export class DamagedBytes extends Error {}

export interface ByteSource {
  /** Reads the next bytes of a file into `buffer`, at most `length`; answers how many, 0 at its end only. */
  read(buffer: Uint8Array, offset: number, length: number): number | Promise<number>;
  /** How much of the file was read for it, where that is not what was answered. */
  readonly fileBytes?: number | undefined;
  close(): void;
}

export function displayName(path: string): string {
  return path === '-' ? 'standard input' : path;
}

/** The words of the system for what it refused, without its codes and calls. */
function systemText(error: NodeJS.ErrnoException): string {
  const [, words] = getSystemErrorMap().get(error.errno ?? 0) ?? [];
  return words === undefined ? error.message : words.charAt(0).toUpperCase() + words.slice(1);
}

export function unreadable(path: string, error: unknown): OperationalError {
  const text = systemText(error as NodeJS.ErrnoException);
  return new OperationalError('savefile.unreadable', `Reading ${displayName(path)} failed: ${text}.`, error);
}

export function damagedAfter(path: string, packets: number, text: string): OperationalError {
  const where = packets === 0 ? 'before its first packet' : `after packet ${packets}; those ${packets} were processed`;
  return new OperationalError('savefile.damaged', `${displayName(path)} is damaged ${where}: ${text}.`);
}

/** Why reading ended, the bytes of `packets` having come. */
export function readingFailure(path: string, packets: number, error: unknown): OperationalError {
  if (error instanceof OperationalError) return error;
  return error instanceof DamagedBytes ? damagedAfter(path, packets, error.message) : unreadable(path, error);
}

/** Of a file nobody dropped anything, and none were counted. */
export const SAVEFILE_STATISTICS: CaptureStatistics = {
  received: undefined,
  droppedByKernel: undefined,
  droppedByInterface: undefined,
};

/** What is on disk: its bytes are here faster than another thread could be asked for them. */
function fileBytes(file: number, closeFile: (file: number) => void): ByteSource {
  return {
    read: (buffer, offset, length) => readSync(file, buffer, offset, length, null),
    close: () => closeFile(file),
  };
}

/** What may be silent for long, as a stream: a read that blocks a pool thread would hold up the end of the process. */
function streamBytes(stream: Readable): ByteSource {
  const pieces = stream.iterator({ destroyOnReturn: true });
  let piece: Buffer = Buffer.alloc(0);
  return {
    async read(buffer, offset, length) {
      if (piece.length === 0) piece = (await pieces.next()).value ?? piece;
      const copied = piece.copy(buffer, offset, 0, length);
      piece = piece.subarray(copied);
      return copied;
    },
    close() {
      pieces.return?.().catch(() => undefined);
      stream.destroy();
    },
  };
}

/** A file, a pipe with a name, or standard input for `-`. */
export async function openBytes(path: string): Promise<ByteSource> {
  if (path === '-') return fstatSync(0).isFile() ? fileBytes(0, () => undefined) : streamBytes(process.stdin);
  const file = await promisify(open)(path, 'r');
  const status = fstatSync(file);
  if (!status.isFIFO()) return fileBytes(file, closeSync);
  const { Socket } = await import('node:net');
  return streamBytes(new Socket({ fd: file }));
}

/** Looks at the first `length` bytes (fewer when the file ends before); the source answered gives them again. */
export async function peek(bytes: ByteSource, length: number): Promise<{ head: Buffer; bytes: ByteSource }> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  for (let got = -1; got !== 0 && filled < length; filled += got) {
    got = await bytes.read(buffer, filled, length - filled);
  }
  const head = buffer.subarray(0, filled);
  let given = 0;
  return {
    head,
    bytes: {
      read(into, offset, wanted) {
        if (given === filled) return bytes.read(into, offset, wanted);
        const copied = head.copy(into, offset, given, Math.min(filled, given + wanted));
        given += copied;
        return copied;
      },
      get fileBytes() {
        return bytes.fileBytes;
      },
      close: () => bytes.close(),
    },
  };
}
