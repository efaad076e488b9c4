import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';

export interface TextFile {
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
}

/**
 * Reads a small text file, at most `bytesMax` of it and one byte more, so that the caller sees that there was more.
 * @throws the system's own error, or a sentence about what is no regular file
 */
export type ReadTextFile = (path: string, bytesMax: number) => TextFile;

export const readTextFile: ReadTextFile = (path, bytesMax) => {
  // A FIFO without a writer would hold up the open, and one with a writer cannot be read again.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw new Error(`${kindOf(status)}, expected a regular file`);
    const buffer = Buffer.alloc(bytesMax + 1);
    let length = 0;
    // Not readFile: some files of /proc have no size, and a file may grow while it is read.
    for (;;) {
      const read = readSync(descriptor, buffer, length, buffer.length - length, null);
      length += read;
      if (read === 0 || length === buffer.length) break;
    }
    return { text: buffer.toString('utf8', 0, length), mode: status.mode & 0o7777 };
  } finally {
    closeSync(descriptor);
  }
};

function kindOf(status: Stats): string {
  if (status.isDirectory()) return 'a directory';
  if (status.isFIFO()) return 'a FIFO';
  return status.isSocket() ? 'a socket' : 'a device';
}

/** 'No such file or directory (ENOENT)' without the path, which the sentence around it names. */
export function describeFileError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const match = /^([A-Z0-9]+): ([^,]+)/.exec(error.message);
  return match === null ? error.message : `${match[2]} (${match[1]})`;
}
