/**
 * Where the service listens: a TCP port for people and programs, and a socket in the store's folder that only the user of the
 * service can open. The agent uploads through the socket, and `flowlogd query` asks there, so neither can meet another process
 * that took the port.
 */
import { chmodSync, closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '../model/store-error.ts';
import type { HttpServer } from './http-server.ts';

export const SOCKET_NAME = 'service.sock';
/** The port that is tried first where none is named, and how many after it are; then any that is free. */
export const PORT_DEFAULT = 9514;
const PORTS_TRIED = 10;
/** sun_path of unix(7), less its zero. */
const SOCKET_PATH_BYTES_MAX = 107;

export interface Address {
  readonly host: string;
  /** 0 for any that is free; undefined for the first free one from the default on. */
  readonly port: number | undefined;
}

/** Answers the port. @throws StoreError */
export async function listenOnPort(server: HttpServer, { host, port }: Address): Promise<number> {
  const ports = port === undefined ? Array.from({ length: PORTS_TRIED }, (_, index) => PORT_DEFAULT + index) : [port];
  for (const each of ports) {
    try {
      return await server.listen({ host, port: each });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRINUSE') throw cannotListen(host, each, message, error);
      if (port !== undefined) {
        throw cannotListen(host, port, 'the port is in use by another program; name another with --listen', error);
      }
    }
  }
  return await listenOnPort(server, { host, port: 0 });
}

/** Answers the path of the socket. The lock of the store says that no other service listens there. @throws StoreError */
export async function listenInFolder(server: HttpServer, folder: string): Promise<string> {
  const path = join(folder, SOCKET_NAME);
  rmSync(path, { force: true });
  const descriptor = openSync(folder, 'r');
  try {
    // A path that is too long for a socket is reached through the folder's descriptor.
    const isLong = Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX;
    await server.listen({ path: isLong ? `/proc/self/fd/${descriptor}/${SOCKET_NAME}` : path });
    chmodSync(path, 0o600);
    return path;
  } catch (error) {
    throw new StoreError('failed', `Listening on ${path} failed: ${(error as Error).message}.`, error);
  } finally {
    closeSync(descriptor);
  }
}

function cannotListen(host: string, port: number, why: string, cause: unknown): StoreError {
  return new StoreError('in-use', `Listening on ${host}:${port} failed: ${why}.`, cause);
}
