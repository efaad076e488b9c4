import * as http from 'node:http';
import * as https from 'node:https';
import type { Socket } from 'node:net';
import { authority, ConnectError, describeError } from './connect-error.ts';
import { connectingAgent } from './connecting-agent.ts';
import { Connector, type ConnectTimeouts } from './connector.ts';
import { decoded } from './content-coding.ts';
import { proxyAuthorization } from './proxy.ts';

/**
 * One bounded HTTP exchange: a request goes out, an answer or the reason why there is none comes back. Nothing here knows
 * the log service. Every step has its own bound, and what fails says which step it was; redirects are not followed, because
 * a signed request belongs to the host that it was signed for.
 */
export interface ExchangeTimeouts extends ConnectTimeouts {
  /** From the connection to the answer's headers, sending the body included. */
  readonly responseMs: number;
  /** From the connection to the end of the answer. */
  readonly totalMs: number;
}

/** Look-up: three silent name servers, asked twice for 5 s each, are what resolv.conf(5) can cost. TCP: four lost SYNs. */
export const DEFAULT_TIMEOUTS: ExchangeTimeouts = {
  lookupMs: 30_000,
  connectMs: 15_000,
  tlsMs: 15_000,
  responseMs: 30_000,
  totalMs: 60_000,
};

export interface ExchangeTls {
  /** PEM; replaces the system's list of authorities. */
  readonly ca?: string | Uint8Array | undefined;
  /** PEM of a client certificate and its key. */
  readonly cert?: string | Uint8Array | undefined;
  readonly key?: string | Uint8Array | undefined;
  /** False accepts any certificate: for a test bench only, because the signature does not cover the body. */
  readonly verify?: boolean | undefined;
}

export interface ExchangeOptions {
  readonly endpoint: URL;
  /** Of a Unix socket, at which the endpoint answers; asked for at every request. */
  readonly socketPath?: string | undefined;
  readonly timeouts: ExchangeTimeouts;
  readonly tls?: ExchangeTls | undefined;
  /** An HTTP proxy, with user and password where it asks for them. */
  readonly proxy?: URL | undefined;
  /** Connections at once. */
  readonly socketsMax: number;
}

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export type Exchanged =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: http.IncomingHttpHeaders;
      /** The first `ANSWER_BYTES_MAX` bytes, decoded from their content coding. */
      readonly body: string;
      /** The same, for who reads no text. */
      readonly bytes: Uint8Array;
      /** There was more of it. */
      readonly truncated?: boolean;
    }
  | {
      readonly kind: 'failure';
      readonly reason: string;
      /** It lasts until an operator changes something. */
      readonly isRefusal?: boolean;
    };

type Once = Exchanged | { readonly kind: 'stale' };

/** Answers are a request id and a short JSON; a page of a proxy is cut here. */
export const ANSWER_BYTES_MAX = 65_536;

/** Servers close idle connections after a minute or so; closing earlier ourselves avoids most races with that. */
const IDLE_MS = 30_000;

export class HttpExchange {
  readonly #options: ExchangeOptions;
  readonly #agent: http.Agent;
  readonly #request: typeof http.request;

  constructor(options: ExchangeOptions) {
    const secure = options.endpoint.protocol === 'https:';
    const pool = {
      keepAlive: true,
      maxSockets: options.socketsMax,
      maxFreeSockets: options.socketsMax,
      timeout: IDLE_MS,
    };
    const tls = tlsOptions(options.tls);
    this.#options = options;
    this.#request = secure ? https.request : http.request;
    this.#agent =
      options.socketPath === undefined
        ? connectingAgent(new Connector({ ...options, tls }), secure, { ...pool, ...(secure ? tls : {}) })
        : new http.Agent(pool);
  }

  /**
   * A kept connection that turns out to be closed says nothing about the service, so the request goes out again at once, at
   * most once for each connection that may be kept.
   */
  async exchange(request: Request, signal: AbortSignal): Promise<Exchanged> {
    for (let stale = 0; stale <= this.#options.socketsMax; stale++) {
      const once = await this.#once(request, signal);
      if (once.kind !== 'stale') return once;
    }
    return { kind: 'failure', reason: 'every kept connection was closed' };
  }

  close(): void {
    this.#agent.destroy();
  }

  #open(request: Request, signal: AbortSignal): http.ClientRequest {
    const { endpoint, socketPath, proxy } = this.#options;
    // RFC 9112 section 3.2.2: to a proxy the whole URL, where no tunnel leads past it.
    const isForwarded = proxy !== undefined && endpoint.protocol === 'http:';
    const authorization = isForwarded ? proxyAuthorization(proxy) : undefined;
    return this.#request({
      ...(socketPath === undefined ? {} : { socketPath }),
      protocol: endpoint.protocol,
      hostname: endpoint.hostname.replace(/^\[|\]$/g, ''),
      port: endpoint.port,
      method: request.method,
      path: isForwarded ? `${endpoint.origin}${request.path}` : request.path,
      headers: {
        ...request.headers,
        'content-length': String(request.body.length),
        'accept-encoding': 'identity',
        ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
      },
      agent: this.#agent,
      signal,
    });
  }

  #once(request: Request, signal: AbortSignal): Promise<Once> {
    return new Promise((resolve) => {
      const { timeouts } = this.#options;
      let outgoing: http.ClientRequest;
      try {
        outgoing = this.#open(request, signal);
      } catch (error) {
        // A key file with a line break inside, say: no header can carry it, and Node names the header but not its value.
        resolve({ kind: 'failure', reason: (error as Error).message });
        return;
      }
      const deadlines = new Deadlines((reason) => {
        settle({ kind: 'failure', reason });
        outgoing.destroy();
      });
      let answered = false;
      const settle = (once: Once): void => {
        deadlines.clear();
        resolve(once);
      };
      let peer = 'the service';
      outgoing.on('socket', (socket) => {
        peer = peerOf(socket);
        deadlines.set('total', timeouts.totalMs, `no complete response from ${peer} within ${timeouts.totalMs} ms`);
        deadlines.set('response', timeouts.responseMs, `no response from ${peer} within ${timeouts.responseMs} ms`);
      });
      outgoing.on('response', (answer) => {
        answered = true;
        deadlines.drop('response');
        collect(answer, settle);
      });
      // A server that switches protocols, though nobody asked, leaves a connection that answers nothing more.
      outgoing.on('upgrade', (answer, socket) => {
        socket.destroy();
        settle({ kind: 'failure', reason: `${answer.statusCode} instead of an answer` });
      });
      outgoing.on('close', () => {
        if (!answered) settle({ kind: 'failure', reason: 'the connection was closed without an answer' });
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // An answer that came before the connection broke (a refusal of a body half sent) is worth more than the error.
        if (answered) return;
        const stale =
          outgoing.reusedSocket && !signal.aborted && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        settle(stale ? { kind: 'stale' } : failureOf(error, peer));
      });
      outgoing.end(request.body);
    });
  }
}

function pem(text: string | Uint8Array): string | Buffer {
  return typeof text === 'string' ? text : Buffer.from(text);
}

function tlsOptions(given: ExchangeTls = {}): https.AgentOptions {
  const { ca, cert, key, verify } = given;
  return {
    rejectUnauthorized: verify ?? true,
    ...(ca === undefined ? {} : { ca: pem(ca) }),
    ...(cert === undefined ? {} : { cert: pem(cert) }),
    ...(key === undefined ? {} : { key: pem(key) }),
  };
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined ? 'the service' : authority(remoteAddress, remotePort ?? 0);
}

/** Which step it was: connecting says so itself, and after that there is but the response. */
function failureOf(error: Error, peer: string): Exchanged {
  if (error instanceof ConnectError) return { kind: 'failure', reason: error.message, isRefusal: error.isRefusal };
  return { kind: 'failure', reason: `no response from ${peer}: ${describeError(error)}` };
}

/** Settles with the whole answer, or with its beginning when it is longer than any answer of the service. */
function collect(answer: http.IncomingMessage, settle: (once: Once) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  const finish = (): void => {
    const bytes = Buffer.concat(chunks).subarray(0, ANSWER_BYTES_MAX);
    const truncated = length > ANSWER_BYTES_MAX;
    const { statusCode: status = 0, headers } = answer;
    const whole = decoded(bytes, headers['content-encoding']);
    settle({ kind: 'answer', status, headers, body: whole.toString(), bytes: whole, truncated });
  };
  answer.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    if (length <= ANSWER_BYTES_MAX) return;
    finish();
    answer.destroy();
  });
  answer.on('end', finish);
  // `error` and `close` both follow a connection that broke; after `end` they find the exchange settled.
  answer.on('error', (error) => settle({ kind: 'failure', reason: `the answer was cut off: ${describeError(error)}` }));
  answer.on('close', () => settle({ kind: 'failure', reason: 'the answer was cut off' }));
}

type DeadlineName = 'response' | 'total';

/** Named one-shot timers of one exchange. */
class Deadlines {
  readonly #onPassed: (reason: string) => void;
  readonly #timers = new Map<DeadlineName, NodeJS.Timeout>();

  constructor(onPassed: (reason: string) => void) {
    this.#onPassed = onPassed;
  }

  set(name: DeadlineName, delayMs: number, reason: string): void {
    this.#timers.set(
      name,
      setTimeout(() => this.#onPassed(reason), delayMs),
    );
  }

  drop(name: DeadlineName): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  clear(): void {
    for (const name of [...this.#timers.keys()]) this.drop(name);
  }
}
