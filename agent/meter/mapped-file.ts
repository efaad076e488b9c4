/**
 * New files that are written through a mapping. Their disk is allocated before they are mapped: a full disk is an error here, and
 * never a signal in the middle of a packet.
 */
import { closeSync, mkdirSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { isSystemError } from '../model/system-error.ts';
import type { PageMapper } from './table-memory.ts';

/** A new file of that size, all of it mapped, that begins with these bytes. @throws what the system refuses; no file is left then */
export function mapNewFile(mapper: PageMapper, path: string, bytes: number, content: Uint8Array): ArrayBuffer {
  const fileDescriptor = createFile(path);
  try {
    mapper.reserveFile(fileDescriptor, bytes);
    writeAll(fileDescriptor, content, 0);
    return mapper.map(fileDescriptor, bytes);
  } catch (error) {
    unlinkIfThere(path);
    throw error;
  } finally {
    closeSync(fileDescriptor);
  }
}

/** Makes the folder anew where it was deleted, or lost in a repair of the disk; never the one around it. */
function createFile(path: string): number {
  try {
    return openSync(path, 'wx+', 0o600);
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'ENOENT') throw error;
    mkdirSync(dirname(path), 0o700);
    return openSync(path, 'wx+', 0o600);
  }
}

export function writeAll(fileDescriptor: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fileDescriptor, bytes, at, bytes.length - at, position + at);
}

/** Best effort: what the disk does not let go of now is found at the next start. */
export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}
