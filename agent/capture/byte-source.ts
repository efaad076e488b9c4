/** Where the readers written in TypeScript get the bytes of a savefile from. */
import { open } from 'node:fs/promises';
import { OperationalError } from '../model/operational-error.ts';
import type { CaptureStatistics } from '../model/packet-source.ts';

export interface ByteSource {
  /** Reads the next bytes of a file into `buffer`, at most `length`; answers how many, 0 at its end only. */
  read(buffer: Uint8Array, offset: number, length: number): number | Promise<number>;
  close(): void;
}

export function displayName(path: string): string {
  return path === '-' ? 'standard input' : path;
}

export function unreadable(path: string, error: unknown): OperationalError {
  const text = (error as Error).message;
  return new OperationalError('savefile.unreadable', `Reading ${displayName(path)} failed: ${text}.`, error);
}

export function damagedAfter(path: string, packets: number, text: string): OperationalError {
  return new OperationalError(
    'savefile.damaged',
    `${displayName(path)} is damaged after ${packets} packets, which count: ${text}.`,
  );
}

/** Of a file nobody dropped anything, and none were counted. */
export const SAVEFILE_STATISTICS: CaptureStatistics = {
  received: undefined,
  droppedByKernel: undefined,
  droppedByInterface: undefined,
};

/** Standard input as a stream, not by its descriptor: a read that blocks a pool thread would hold up the end of the process. */
function standardInput(): ByteSource {
  const pieces = process.stdin.iterator({ destroyOnReturn: true });
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
    },
  };
}

/** A file, or standard input for `-`. */
export async function openBytes(path: string): Promise<ByteSource> {
  if (path === '-') return standardInput();
  const handle = await open(path, 'r');
  return {
    async read(buffer, offset, length) {
      return (await handle.read(buffer, offset, length, null)).bytesRead;
    },
    close() {
      handle.close().catch(() => undefined);
    },
  };
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
      close: () => bytes.close(),
    },
  };
}
