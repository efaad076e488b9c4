/**
 * What a running agent answers over HTTP/1.1:
 *
 *     GET /status     the whole status as JSON       socket only: it names hosts, paths and the last error
 *     GET /metrics    Prometheus' text format        both
 *     GET /health     200, or 503 with the reasons   both
 *     /flow-logs      as in flow-log-routes.ts       socket only: it changes what is observed
 *     /spool          as in spool-routes.ts          socket only: it changes what is delivered
 *     /findings       as in findings-routes.ts       socket only: it names hosts
 *     GET /observe    as in live-followers.ts        socket only: what flows now, without an end
 *
 * A client gets one answer per connection and neither memory nor time beyond the limits below, or those of live-followers.ts; the other answers are a few kilobytes.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { FOLLOWERS_MAX as FINDINGS_FOLLOWERS_MAX } from '../findings/agent-findings.ts';
import type { AgentStatus } from '../telemetry/agent-status.ts';
import { EXPOSITION_TYPE, renderMetrics } from '../telemetry/exposition.ts';
import { withFormerNames } from '../telemetry/former-names.ts';
import { visible, visibleLines } from '../terminal/visible-text.ts';
import { FINDING_PATH, FINDINGS_PATH } from './findings-routes.ts';
import { FLOW_LOGS_PATH, type Operate } from './flow-log-routes.ts';
import { FOLLOWERS_MAX, type LiveFollowers, OBSERVE_PATH } from './live-followers.ts';
import { SPOOL_PATH } from './spool-routes.ts';

export interface EndpointLimits {
  readonly connectionsMax: number;
  readonly headerBytesMax: number;
  /** For the whole request, which may take twice as long, and for each pause in the answer. */
  readonly timeoutMs: number;
}

export const ENDPOINT_LIMITS: EndpointLimits = { connectionsMax: 16, headerBytesMax: 8192, timeoutMs: 5000 };
/** Of the control socket: whoever follows holds a connection, and leaves as many as elsewhere to those who ask. */
export const CONTROL_LIMITS: EndpointLimits = {
  ...ENDPOINT_LIMITS,
  connectionsMax: ENDPOINT_LIMITS.connectionsMax + FOLLOWERS_MAX + FINDINGS_FOLLOWERS_MAX,
};

export type Read = () => AgentStatus;
type Route = (status: AgentStatus) => { readonly code: number; readonly type: string; readonly body: string };

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';
/** A flow log with its fields and tags takes a few kilobytes. */
const BODY_BYTES_MAX = 65_536;
const OPERATION_PATHS = [FLOW_LOGS_PATH, SPOOL_PATH, FINDINGS_PATH, FINDING_PATH];
/** A change waits for a round of the data plane. */
const OPERATION_MS = 30_000;
export const LOCAL_ROUTES: Readonly<Record<string, Route>> = {
  '/metrics': (status) => ({ code: 200, type: EXPOSITION_TYPE, body: renderMetrics(status) }),
  '/health': (status) => ({ code: status.healthy ? 200 : 503, type: TEXT, body: healthText(status) }),
};
export const CONTROL_ROUTES: Readonly<Record<string, Route>> = {
  ...LOCAL_ROUTES,
  '/status': (status) => ({ code: 200, type: JSON_TYPE, body: `${JSON.stringify(withFormerNames(status))}\n` }),
};
/** Of the control socket alone, with what is below them. */
export const CONTROL_PATHS: readonly string[] = [...Object.keys(CONTROL_ROUTES), ...OPERATION_PATHS, OBSERVE_PATH];

/** What only the control socket has. */
export interface LocalRoutes {
  /** What it lets its users do with flow logs and the spool. */
  readonly operate?: Operate | undefined;
  readonly followers?: LiveFollowers | undefined;
}

export function endpointServer(
  routes: Readonly<Record<string, Route>>,
  read: Read,
  limits: EndpointLimits,
  { operate, followers }: LocalRoutes = {},
): Server {
  const { connectionsMax, headerBytesMax, timeoutMs } = limits;
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      headersTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      // Whether anybody is connected or not.
      connectionsCheckingInterval: timeoutMs,
    },
    (request, response) => {
      const path = pathOf(request);
      const isOperation = OPERATION_PATHS.some((each) => path === each || path.startsWith(`${each}/`));
      response.setHeader('Connection', 'close');
      response.setHeader('Cache-Control', 'no-store');
      if (operate !== undefined && isOperation) void answerOperation(operate, request, response);
      else if (followers !== undefined && path === OBSERVE_PATH) follow(followers, request, response);
      else answer(routes, read, request, response);
    },
  );
  server.maxConnections = connectionsMax;
  server.maxRequestsPerSocket = 1;
  server.setTimeout(timeoutMs, (socket) => socket.destroy());
  return server;
}

/** For a server to which every user of the host can connect: the oldest connection goes for a new one, as those that ask are answered at once. */
export function makeRoom(server: Server, { connectionsMax }: EndpointLimits): void {
  const open = new Set<Socket>();
  server.maxConnections = Number.POSITIVE_INFINITY;
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    const [oldest] = open;
    if (open.size <= connectionsMax || oldest === undefined) return;
    open.delete(oldest);
    oldest.destroy();
  });
}

function answer(routes: Readonly<Record<string, Route>>, read: Read, request: IncomingMessage, to: ServerResponse) {
  const path = pathOf(request);
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) {
    const paths = routes === CONTROL_ROUTES ? CONTROL_PATHS : Object.keys(routes);
    return send(to, 404, TEXT, `Not found. Endpoints: ${paths.join(', ')}\n`);
  }
  if (!['GET', 'HEAD'].includes(request.method ?? '')) return refuseMethod(to, 'GET, HEAD');
  const { code, type, body } = route(read());
  send(to, code, type, body);
}

function refuseMethod(to: ServerResponse, allowed: string): void {
  to.setHeader('Allow', allowed);
  send(to, 405, TEXT, 'Method not allowed: read-only.\n');
}

/** Without a body to send, a follower would hold a place for nothing. */
function follow(followers: LiveFollowers, { method }: IncomingMessage, to: ServerResponse): void {
  if (method !== 'GET') refuseMethod(to, 'GET');
  else if (!followers.add(to))
    send(to, 503, TEXT, `All ${FOLLOWERS_MAX} places of followers are taken: end one of them.\n`);
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0]!;
}

async function answerOperation(operate: Operate, request: IncomingMessage, to: ServerResponse): Promise<void> {
  const body = await readBody(request);
  if (body === undefined)
    return send(to, 400, TEXT, `Invalid body: expected JSON of at most ${BODY_BYTES_MAX} bytes.\n`);
  request.socket.setTimeout(OPERATION_MS);
  const away = new AbortController();
  to.once('close', () => away.abort());
  const { searchParams } = new URL(request.url ?? '', 'http://agent');
  const answered = await operate(request.method ?? '', pathOf(request), body.value, searchParams, away.signal);
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
