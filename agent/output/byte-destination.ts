/** Files and streams that records are written to. */
import { closeSync, lstatSync, unlinkSync, writeSync } from 'node:fs';
import { emptyFile, openUnemptied } from '../capture/output-file.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { TextOutput } from '../terminal/text-output.ts';

/** Takes bytes in order; the bytes may be reused once the answer is there. */
export interface ByteDestination {
  write(bytes: Uint8Array): void | Promise<void>;
  end(): void;
  /** Instead of `end`, where records do not come to their end: where nothing was written, as if it had never been opened. */
  abandon(): void;
}

/** Less the umask: whom records are for is up to who asks for them. */
const FILE_MODE = 0o666;

/** Whether a destination there may have to remove its file again, which a process that limited its files cannot. */
export function isNewFile(path: string): boolean {
  try {
    return path !== '-' && lstatSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return true;
  }
}

/**
 * Opened at once, so that a bad path is known at once; emptied before the first byte, so that a run which comes to nothing
 * takes nothing away.
 *
 * @throws OperationalError `output.failed`
 */
export function fileDestination(path: string): ByteDestination {
  const failed = (error: unknown) =>
    new OperationalError('output.failed', `Writing records to ${path} failed: ${(error as Error).message}.`, error);
  const attempt = <Result>(action: () => Result): Result => {
    try {
      return action();
    } catch (error) {
      throw failed(error);
    }
  };
  const wasThere = attempt(() => lstatSync(path, { throwIfNoEntry: false })) !== undefined;
  const file = attempt(() => openUnemptied(path, FILE_MODE));
  let isEmptied = false;
  let isOpen = true;
  const empty = () => {
    if (!isEmptied) attempt(() => emptyFile(file));
    isEmptied = true;
  };
  const close = () => {
    isOpen = false;
    attempt(() => closeSync(file));
  };
  return {
    write(bytes) {
      empty();
      attempt(() => {
        for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      });
    },
    end() {
      empty();
      close();
    },
    abandon() {
      if (!isOpen) return;
      close();
      if (!wasThere && !isEmptied) attempt(() => unlinkSync(path));
    },
  };
}

/** Text into standard output. */
export function textDestination(output: TextOutput): ByteDestination {
  return streamDestination(output, (bytes, done) => output.write(bytes, done));
}

/** What is no text into standard output, which is no terminal then. */
export function binaryDestination(output: TextOutput): ByteDestination {
  return streamDestination(output, (bytes, done) => output.writeBinary(bytes, done));
}

/**
 * A reader that goes away is no failure: the command's signal is aborted by it, and nothing more is written. A file, as
 * standard output may be one, throws where a pipe calls back.
 */
function streamDestination(
  { isTTY }: TextOutput,
  write: (bytes: Uint8Array, done: (error?: Error | null) => void) => void,
): ByteDestination {
  /** EPIPE of a pipe, EIO of a terminal that was closed. */
  const isReaderGone = ({ code }: NodeJS.ErrnoException) => code === 'EPIPE' || (code === 'EIO' && isTTY);
  return {
    write: (bytes) =>
      new Promise<void>((resolve, reject) => {
        write(bytes, (error) => {
          if (error && !isReaderGone(error)) reject(error);
          else resolve();
        });
      }).catch((error: unknown) => {
        const text = (error as Error).message;
        throw new OperationalError('output.failed', `Writing to standard output failed: ${text}.`, error);
      }),
    end: () => undefined,
    abandon: () => undefined,
  };
}
