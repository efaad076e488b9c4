import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface TextFile {
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
}

/**
 * Reads a small text file, at most `bytesMax` of it and one byte more, so that the caller sees that there was more.
 * @throws the system's own error.
 */
export type ReadTextFile = (path: string, bytesMax: number) => TextFile;

export const readTextFile: ReadTextFile = (path, bytesMax) => {
  const descriptor = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(bytesMax + 1);
    let length = 0;
    // Not readFile: a device or a pipe may never end.
    for (;;) {
      const read = readSync(descriptor, buffer, length, buffer.length - length, null);
      length += read;
      if (read === 0 || length === buffer.length) break;
    }
    return { text: buffer.toString('utf8', 0, length), mode: fstatSync(descriptor).mode & 0o7777 };
  } finally {
    closeSync(descriptor);
  }
};

/** 'No such file or directory (ENOENT)' without the path, which the sentence around it names. */
export function describeFileError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const match = /^([A-Z0-9]+): ([^,]+)/.exec(error.message);
  return match === null ? error.message : `${match[2]} (${match[1]})`;
}
