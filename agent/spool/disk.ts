/**
 * The file system as the spool sees it: the few operations that it needs, each of which a test can fail or crash at.
 * Names are full paths. Every operation may throw what `node:fs` throws (an error with a `code`).
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  opendirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isSystemError } from '../model/system-error.ts';

export interface Disk {
  /** Makes the folder and those above it, for the owner alone; an existing one is left as it is. */
  makeFolder(path: string): void;
  /** Removes an empty folder. */
  removeFolder(path: string): void;
  /** Names of the files and folders in a folder, in any order. */
  list(folder: string): readonly string[];
  /** The same one after the other, for a folder of any size. */
  names(folder: string): Iterable<string>;
  size(path: string): number;
  /** Creates a file that must not exist, with these pieces one after the other, and has its content on the disk at return. */
  create(path: string, pieces: readonly Uint8Array[]): void;
  /** Has the folder's entries (files made, renamed, unlinked in it) on the disk at return. */
  syncFolder(folder: string): void;
  rename(from: string, to: string): void;
  /** One more name, which must not exist, for a file. */
  link(from: string, to: string): void;
  unlink(path: string): void;
  read(path: string): Promise<Uint8Array>;
  /** A range of a file, from its beginning and to its end where nothing else is given; less where it ends before. */
  readNow(path: string, bytesMax?: number, position?: number): Uint8Array;
}

const NAMES_BUFFERED = 1024;
const READ_BYTES_MAX = 2 ** 30;

export const nodeDisk: Disk = {
  makeFolder(path) {
    makeFolders(path);
  },
  removeFolder: rmdirSync,
  list: (folder) => readdirSync(folder),
  *names(path) {
    const folder = opendirSync(path, { bufferSize: NAMES_BUFFERED });
    try {
      for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) yield entry.name;
    } finally {
      folder.closeSync();
    }
  },
  size: (path) => statSync(path).size,
  create(path, pieces) {
    const file = openSync(path, 'wx', 0o600);
    try {
      for (const piece of pieces) for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  },
  syncFolder(folder) {
    const file = openSync(folder, 'r');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  },
  rename: renameSync,
  link: linkSync,
  unlink: unlinkSync,
  read: (path) => readFile(path),
  readNow(path, bytesMax = Number.POSITIVE_INFINITY, position = 0) {
    const file = openSync(path, 'r');
    try {
      const bytes = new Uint8Array(Math.min(Math.max(fstatSync(file).size - position, 0), bytesMax));
      // Node.js reads no 2 GiB at once, and a table may be larger.
      for (let at = 0; at < bytes.length; ) {
        const got = readSync(file, bytes, at, Math.min(bytes.length - at, READ_BYTES_MAX), position + at);
        if (got === 0) return bytes.subarray(0, at);
        at += got;
      }
      return bytes;
    } finally {
      closeSync(file);
    }
  },
};

/** What a file system (and nothing else) throws. */
export function isFileSystemError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  return isSystemError(error) && 'errno' in error;
}

/** Whether there is something at a path. @throws what the file system throws when it cannot say */
export function isThere(disk: Disk, path: string): boolean {
  try {
    disk.size(path);
    return true;
  } catch (error) {
    if (!isFileSystemError(error) || error.code !== 'ENOENT') throw error;
    return false;
  }
}

/** Unlinks a file that may be gone already. */
export function unlinkIfThere(disk: Disk, path: string): void {
  try {
    disk.unlink(path);
  } catch (error) {
    if (!isFileSystemError(error) || error.code !== 'ENOENT') throw error;
  }
}

/**
 * Makes a folder and the ones above it. Node's own `recursive` never returns where a file system answers ENOENT to every
 * mkdir, as /proc does.
 */
function makeFolders(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolders(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}
