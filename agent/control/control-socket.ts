/**
 * Where a running agent is asked: HTTP/1.1 over a Unix socket that its owner and group may use, and, when the configuration wants
 * it, over TCP for Prometheus. What it answers: endpoint-server.ts.
 */
import { lstatSync, statSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect, type ListenOptions } from 'node:net';
import { dirname, join } from 'node:path';
import { startBeat } from '../model/beat.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { Log } from '../telemetry/log.ts';
import type { StatusCollector } from '../telemetry/status-collector.ts';
import {
  CONTROL_LIMITS,
  CONTROL_ROUTES,
  ENDPOINT_LIMITS,
  type EndpointLimits,
  endpointServer,
  LOCAL_ROUTES,
  type LocalRoutes,
  makeRoom,
  type Read,
} from './endpoint-server.ts';
import { OwnSocket } from './own-socket.ts';

export const CONTROL_SOCKET = 'control.sock';
/** sun_path of unix(7) has 108 bytes, the last one a zero; a longer path would be cut without a word. */
const SOCKET_PATH_BYTES_MAX = 107;
const OBSERVE_SECONDS = 1;

export interface Endpoint {
  /** The socket's path, or `host:port`. */
  readonly address: string;
  stop(): Promise<void>;
}

/** An IP address of this host and a port. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** The socket of an agent: in the folder that systemd made for it, else beside its state. */
export function controlSocketPath(
  stateDirectory: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  return join(runtimeFolder(environment) ?? stateDirectory, CONTROL_SOCKET);
}

/** Where systemd wants it. */
export function runtimeFolder(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  // Several folders of a unit are separated by colons.
  const [runtime] = (environment['RUNTIME_DIRECTORY'] ?? '').split(':');
  return runtime === '' ? undefined : runtime;
}

/** With what only the socket serves. */
export interface EndpointsPlan extends LocalRoutes {
  readonly socketPath: string;
  /** Undefined: no TCP. */
  readonly listen: ListenAddress | undefined;
}

export interface OpenEndpoints {
  /** Whether the control socket, if it could be opened, is still the one of its path. */
  isInPlace(): boolean;
  /** Listens anew at the path of the control socket. @throws OperationalError `telemetry.unavailable` */
  reopen(): Promise<void>;
  stop(): Promise<void>;
}

/** Opens both. Who cannot be asked still works, so a failure is a warning in the log. */
export async function openEndpoints(plan: EndpointsPlan, status: StatusCollector, log: Log): Promise<OpenEndpoints> {
  const read = () => status.read();
  const { socketPath, listen, ...local } = plan;
  let socket = await unlessUnavailable(openControlSocket(socketPath, read, local), log);
  const listener = listen && (await unlessUnavailable(openListener(listen, read), log));
  const known = new OwnSocket(socketPath, socket !== undefined);
  const observing = startBeat(OBSERVE_SECONDS, () => status.observe());
  return {
    isInPlace: () => known.isInPlace,
    async reopen() {
      await socket?.stop();
      socket = undefined;
      socket = await openControlSocket(socketPath, read, local);
      known.made();
    },
    async stop() {
      observing.stop();
      await Promise.all([socket?.stop(), listener?.stop()]);
    },
  };
}

async function unlessUnavailable(opening: Promise<Endpoint>, log: Log): Promise<Endpoint | undefined> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    log.warn(error.message);
    return undefined;
  }
}

export interface ControlSocketOptions extends LocalRoutes {
  readonly limits?: EndpointLimits;
}

/** @throws OperationalError `telemetry.unavailable` */
export async function openControlSocket(
  path: string,
  read: Read,
  { limits = CONTROL_LIMITS, ...local }: ControlSocketOptions = {},
): Promise<Endpoint> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw unavailable(path, `path longer than the ${SOCKET_PATH_BYTES_MAX} bytes of a socket address`);
  }
  await removeStale(path);
  const server = endpointServer(CONTROL_ROUTES, read, limits, local);
  // The socket is made while listen is called, so it never exists with more rights than these.
  const before = process.umask(0o117);
  let listening: Promise<void>;
  try {
    listening = listenOn(server, { path }, path);
  } finally {
    process.umask(before);
  }
  await listening;
  return { address: path, stop: () => close(server) };
}

/** @throws OperationalError `telemetry.unavailable` */
export async function openListener(
  { host, port }: ListenAddress,
  read: Read,
  limits = ENDPOINT_LIMITS,
): Promise<Endpoint> {
  const server = endpointServer(LOCAL_ROUTES, read, limits);
  makeRoom(server, limits);
  const name = (at: number) => `${host.includes(':') ? `[${host}]` : host}:${at}`;
  await listenOn(server, { host, port }, name(port));
  const bound = server.address();
  return { address: name(typeof bound === 'object' && bound !== null ? bound.port : port), stop: () => close(server) };
}

function listenOn(server: Server, options: ListenOptions, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(unavailable(address, error.message, error)));
    server.listen(options, resolve);
  });
}

/** Takes away what a killed agent left behind; what a living one listens on stays. */
async function removeStale(path: string): Promise<void> {
  try {
    // libuv calls a folder that is not there a lack of permission.
    statSync(dirname(path));
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (!found.isSocket()) throw unavailable(path, 'the path exists and is not a socket');
    if (await isAnswered(path)) throw unavailable(path, 'another agent listens on it');
    unlinkSync(path);
  } catch (error) {
    throw error instanceof OperationalError ? error : unavailable(path, (error as Error).message, error);
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Any other error than a refusal means that somebody may be there.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

function unavailable(address: string, why: string, cause?: unknown): OperationalError {
  return new OperationalError(
    'telemetry.unavailable',
    `Listening on ${address} failed: ${why}; flowlogd status and Prometheus are not served there.`,
    cause,
  );
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
