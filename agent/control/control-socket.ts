/**
 * Where a running agent is asked: HTTP/1.1 over a Unix socket that its owner and group may use, and, when the configuration wants
 * it, over TCP for Prometheus.
 *
 *     GET /status     the whole status as JSON       socket only: it names hosts, paths and the last error
 *     GET /metrics    Prometheus' text format        both
 *     GET /health     200, or 503 with the reasons   both
 *     /flow-logs      as in flow-log-routes.ts       socket only: it changes what is observed
 *     /spool          as in spool-routes.ts          socket only: it changes what is delivered
 *
 * A client gets one answer per connection and neither memory nor time beyond the limits below; the answers are a few kilobytes.
 */
import { lstatSync, statSync, unlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type ListenOptions } from 'node:net';
import { dirname, join } from 'node:path';
import { OperationalError } from '../model/operational-error.ts';
import type { AgentStatus } from '../telemetry/agent-status.ts';
import { EXPOSITION_TYPE, renderMetrics } from '../telemetry/exposition.ts';
import { withFormerNames } from '../telemetry/former-names.ts';
import type { Log } from '../telemetry/log.ts';
import type { StatusCollector } from '../telemetry/status-collector.ts';
import { visible, visibleLines } from '../terminal/visible-text.ts';
import { FLOW_LOGS_PATH, type Operate } from './flow-log-routes.ts';
import { OwnSocket } from './own-socket.ts';
import { SPOOL_PATH } from './spool-routes.ts';

export const CONTROL_SOCKET = 'control.sock';
/** sun_path of unix(7) has 108 bytes, the last one a zero; a longer path would be cut without a word. */
const SOCKET_PATH_BYTES_MAX = 107;
const OBSERVE_MS = 1000;

export interface EndpointLimits {
  readonly connectionsMax: number;
  readonly headerBytesMax: number;
  /** For the whole request, and for each pause in the answer. */
  readonly timeoutMs: number;
}

export const ENDPOINT_LIMITS: EndpointLimits = { connectionsMax: 16, headerBytesMax: 8192, timeoutMs: 5000 };

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

type Read = () => AgentStatus;
type Route = (status: AgentStatus) => { readonly code: number; readonly type: string; readonly body: string };

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';
/** A flow log with its fields and tags takes a few kilobytes. */
const BODY_BYTES_MAX = 65_536;
const OPERATION_PATHS = [FLOW_LOGS_PATH, SPOOL_PATH];
/** A change waits for a round of the data plane. */
const OPERATION_MS = 30_000;
const LOCAL_ROUTES: Readonly<Record<string, Route>> = {
  '/metrics': (status) => ({ code: 200, type: EXPOSITION_TYPE, body: renderMetrics(status) }),
  '/health': (status) => ({ code: status.healthy ? 200 : 503, type: TEXT, body: healthText(status) }),
};
const CONTROL_ROUTES: Readonly<Record<string, Route>> = {
  ...LOCAL_ROUTES,
  '/status': (status) => ({ code: 200, type: JSON_TYPE, body: `${JSON.stringify(withFormerNames(status))}\n` }),
};

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

export interface EndpointsPlan {
  readonly socketPath: string;
  /** Undefined: no TCP. */
  readonly listen: ListenAddress | undefined;
  /** What the socket lets its users do with flow logs and the spool. */
  readonly operate?: Operate | undefined;
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
  const { socketPath, listen, operate } = plan;
  let socket = await unlessUnavailable(openControlSocket(socketPath, read, { operate }), log);
  const listener = listen && (await unlessUnavailable(openListener(listen, read), log));
  const known = new OwnSocket(socketPath, socket !== undefined);
  const observing = setInterval(() => status.observe(), OBSERVE_MS);
  return {
    isInPlace: () => known.isInPlace,
    async reopen() {
      await socket?.stop();
      socket = undefined;
      socket = await openControlSocket(socketPath, read, { operate });
      known.made();
    },
    async stop() {
      clearInterval(observing);
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

export interface ControlSocketOptions {
  readonly limits?: EndpointLimits;
  readonly operate?: Operate | undefined;
}

/** @throws OperationalError `telemetry.unavailable` */
export async function openControlSocket(
  path: string,
  read: Read,
  { limits = ENDPOINT_LIMITS, operate }: ControlSocketOptions = {},
): Promise<Endpoint> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw unavailable(path, `path longer than the ${SOCKET_PATH_BYTES_MAX} bytes of a socket address`);
  }
  await removeStale(path);
  const server = endpointServer(CONTROL_ROUTES, read, limits, operate);
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
  const name = (at: number) => `${host.includes(':') ? `[${host}]` : host}:${at}`;
  await listenOn(server, { host, port }, name(port));
  const bound = server.address();
  return { address: name(typeof bound === 'object' && bound !== null ? bound.port : port), stop: () => close(server) };
}

function endpointServer(
  routes: Readonly<Record<string, Route>>,
  read: Read,
  limits: EndpointLimits,
  operate?: Operate,
): Server {
  const { connectionsMax, headerBytesMax, timeoutMs } = limits;
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      headersTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      connectionsCheckingInterval: Math.min(1000, timeoutMs),
    },
    (request, response) => {
      const path = pathOf(request);
      const isOperation = OPERATION_PATHS.some((each) => path === each || path.startsWith(`${each}/`));
      response.setHeader('Connection', 'close');
      response.setHeader('Cache-Control', 'no-store');
      if (operate !== undefined && isOperation) void answerOperation(operate, request, response);
      else answer(routes, read, request, response);
    },
  );
  server.maxConnections = connectionsMax;
  server.maxRequestsPerSocket = 1;
  server.setTimeout(timeoutMs, (socket) => socket.destroy());
  return server;
}

function answer(routes: Readonly<Record<string, Route>>, read: Read, request: IncomingMessage, to: ServerResponse) {
  const { method = '' } = request;
  const path = pathOf(request);
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) return send(to, 404, TEXT, `Not found. Endpoints: ${Object.keys(routes).join(', ')}\n`);
  if (method !== 'GET' && method !== 'HEAD') {
    to.setHeader('Allow', 'GET, HEAD');
    return send(to, 405, TEXT, 'Method not allowed: read-only.\n');
  }
  const { code, type, body } = route(read());
  send(to, code, type, body);
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0]!;
}

async function answerOperation(operate: Operate, request: IncomingMessage, to: ServerResponse): Promise<void> {
  const body = await readBody(request);
  if (body === undefined)
    return send(to, 400, TEXT, `Invalid body: expected JSON of at most ${BODY_BYTES_MAX} bytes.\n`);
  request.socket.setTimeout(OPERATION_MS);
  const answered = await operate(request.method ?? '', pathOf(request), body.value);
  send(to, answered.code, JSON_TYPE, `${JSON.stringify(answered.body)}\n`);
}

/** Undefined for what is too long, cut short or not JSON; no body at all is the value undefined. */
async function readBody(request: IncomingMessage): Promise<{ readonly value: unknown } | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) return undefined;
      chunks.push(chunk);
    }
    return { value: bytes === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8')) };
  } catch {
    return undefined;
  }
}

function send(to: ServerResponse, code: number, type: string, body: string): void {
  // Metrics are the one format in which other characters would be other values.
  const sent = type === EXPOSITION_TYPE ? body : visibleLines(body);
  to.writeHead(code, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(sent) }).end(sent);
}

function healthText({ healthy, problems }: AgentStatus): string {
  if (healthy) return 'ok\n';
  const errors = problems.filter(({ severity }) => severity === 'error');
  return errors.map(({ code, message }) => `${code}: ${visible(message)}\n`).join('');
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
