import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ListenOptions, Socket } from 'node:net';
import { Refusal, STATUS_OF } from '../model/refusal.ts';
import { Connections } from './connections.ts';
import { drain } from './request-body.ts';
import { parseRequest } from './request-form.ts';

/**
 * HTTP for the service: request ids, dates, JSON, errors, and the limits of what a client may hold. It knows no topic and no
 * log; what a path means is its `Handler`'s.
 */
export interface HttpLimits {
  /** For all headers. */
  readonly headersTimeoutMs: number;
  /** For the whole request, body included. */
  readonly requestTimeoutMs: number;
  /** Between requests; longer than a capture window, so that an agent can keep its connection. */
  readonly idleTimeoutMs: number;
  /** For each pause of a client that takes its answer. */
  readonly answerTimeoutMs: number;
  readonly connectionsMax: number;
  /** Of one address, on loopback of one user. */
  readonly connectionsPerPeerMax: number;
}

export const HTTP_LIMITS: HttpLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 75_000,
  answerTimeoutMs: 30_000,
  connectionsMax: 256,
  connectionsPerPeerMax: 64,
};

/** An answer: an object as JSON, undefined as an empty body. */
export type Answer = object | undefined;

export interface Exchange {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly requestId: string;
  /** Aborted when the client goes away before the answer. */
  readonly signal: AbortSignal;
  /** Whether only the user of the service can have sent it. */
  readonly isOwners: boolean;
  /** The client has the key: its connection does not make room for others. */
  readonly keepConnection: () => void;
}

/** Never rejects for what a client did; a rejection is answered as InternalError. */
export type Handler = (exchange: Exchange) => Promise<Answer | Refusal>;

export interface HttpServerOptions {
  readonly handler: Handler;
  readonly now: () => number;
  readonly limits: HttpLimits;
  /** Whether only the user of the service can connect: there is nobody to share with. */
  readonly isOwners: boolean;
  /** Told of what should not happen. */
  readonly onError: (error: Error) => void;
}

export class HttpServer {
  readonly #server: Server;
  readonly #options: HttpServerOptions;
  readonly #connections: Connections;
  readonly #answeredEarly = new WeakSet<Socket>();
  #stopping = false;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const { headersTimeoutMs, requestTimeoutMs, idleTimeoutMs, connectionsMax, connectionsPerPeerMax } = options.limits;
    this.#server = createServer({
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: idleTimeoutMs,
      connectionsCheckingInterval: Math.min(1000, headersTimeoutMs, requestTimeoutMs),
      // Both are looked at by `parseRequest`, which answers with a request id.
      requireHostHeader: false,
    });
    this.#server.maxHeadersCount = 0;
    this.#connections = new Connections({ connectionsMax, perPeerMax: connectionsPerPeerMax });
    if (options.isOwners) this.#server.maxConnections = connectionsMax;
    else this.#server.on('connection', (socket) => this.#connections.add(socket));
    this.#server.on('request', (request, response) => void this.#answer(request, response));
    this.#server.on('checkExpectation', (request, response) => void this.#answer(request, response));
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#answerRaw(error, socket as Socket));
  }

  /** Answers the port, 0 for a socket in a folder. Rejects with node's own error (EADDRINUSE...), and may be called again then. */
  listen(options: ListenOptions): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(options, () => {
        this.#server.off('error', reject);
        this.#server.on('error', this.#options.onError);
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  }

  /** Takes no more requests, lets those under way finish, and cuts them off after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(timer);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    response.on('error', () => undefined);
    let answer: Answer | Refusal;
    try {
      const url = parseRequest(request);
      const { isOwners, handler } = this.#options;
      const keepConnection = () => this.#connections.keep(request.socket);
      answer =
        url instanceof Refusal
          ? url
          : await handler({ request, url, requestId, signal: gone.signal, isOwners, keepConnection });
    } catch (error) {
      // The client that broke off hears nothing any more.
      if (gone.signal.aborted || request.destroyed) return;
      this.#options.onError(error as Error);
      answer = new Refusal('InternalError', 'The log service failed; its own output says why.');
    }
    await this.#send(request, response, requestId, answer);
  }

  async #send(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
    answer: Answer | Refusal,
  ): Promise<void> {
    const status = answer instanceof Refusal ? answer.status : 200;
    const body = answer === undefined ? '' : JSON.stringify(answer);
    const early = !request.complete;
    response.setTimeout(this.#options.limits.answerTimeoutMs, () => request.socket.destroy());
    response.writeHead(status, {
      ...this.#headers(requestId),
      ...(body === '' ? {} : { 'content-type': 'application/json; charset=utf-8' }),
      'content-length': Buffer.byteLength(body),
      // What is left of an unread body must not be taken for the next request.
      ...(this.#stopping || early ? { connection: 'close' } : {}),
    });
    if (early) {
      // Closing while the client still sends would reset the connection, and the client would never read this answer.
      this.#answeredEarly.add(request.socket);
      response.write(body);
      await drain(request);
      response.end();
    } else {
      response.end(body);
    }
  }

  #headers(requestId: string): Record<string, string> {
    return { 'x-cls-requestid': requestId, date: new Date(this.#options.now()).toUTCString() };
  }

  /** Answers what is no HTTP request, or came too slowly, for which node makes no response object. */
  #answerRaw(error: NodeJS.ErrnoException, socket: Socket): void {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    if (this.#answeredEarly.has(socket)) {
      // What it was answered has still to leave.
      socket.destroySoon();
      return;
    }
    const timeout = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
    const code = timeout ? 'RequestTimeout' : 'InvalidParam';
    const refusal = new Refusal(code, timeout ? 'The request came too slowly.' : 'This is no HTTP request.');
    const body = JSON.stringify(refusal);
    const headers = Object.entries({
      ...this.#headers(randomUUID()),
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${STATUS_OF[code]} ${code}\r\n${headers.join('')}\r\n${body}`);
  }
}
