/** Paths of Unix sockets that are longer than the kernel takes. */
import { closeSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/** sun_path of unix(7), less its zero. */
const SOCKET_PATH_BYTES_MAX = 107;

/** One for each folder, the newest: it may have been made again. */
const descriptors = new Map<string, number>();

/** The path itself, or where it is too long one through a descriptor of its folder, which stays open. */
export function shortSocketPath(path: string): string {
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return path;
  const folder = dirname(path);
  const former = descriptors.get(folder);
  const descriptor = openSync(folder, 'r');
  descriptors.set(folder, descriptor);
  if (former !== undefined) closeSync(former);
  return `/proc/self/fd/${descriptor}/${basename(path)}`;
}
