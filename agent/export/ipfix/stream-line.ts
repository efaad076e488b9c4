/**
 * Messages over TCP or TLS. A batch counts as sent when the kernel has all of it and the connection stands a moment longer: a collector that
 * ends with bytes unread closes or resets it. One that does not read has a limited time for each batch.
 */
import type { Socket } from 'node:net';
import * as tls from 'node:tls';
import type { TlsFiles } from '../connection-options.ts';
import { authority, ConnectError, describeError } from '../http/connect-error.ts';
import { Connector, type ConnectTimeouts } from '../http/connector.ts';
import { Line, LineError, type Way } from './line.ts';
import type { Messages } from './message-writer.ts';

export interface StreamOptions {
  readonly host: string;
  readonly port: number;
  readonly timeouts: ConnectTimeouts;
  /** For a collector to read a batch. */
  readonly writeMs: number;
  /** Undefined for plain TCP. */
  readonly tls: TlsFiles | undefined;
}

/** Peers that vanish without a word are noticed by it. */
const KEEP_ALIVE_MS = 30_000;
/** What a collector may take to read what is left when the sink is closed. */
const CLOSE_MS = 1_000;

const UNTRUSTED = 'set caFile of the sink to the authority of the collector';
const NO_CERTIFICATE = 'the collector requires a client certificate: set certFile and keyFile of the sink';
const NO_TLS = 'the collector has no TLS at this port: check endpoint of the sink';
/** By the code of an error, or by its words where that is EPROTO. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/SELF_SIGNED|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY|CERT_SIGNATURE_FAILURE/, UNTRUSTED],
  [/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/, 'renew the certificate of the collector, or set the clock of this host'],
  [/ERR_TLS_CERT_ALTNAME_INVALID/, 'set endpoint of the sink to a name of its certificate'],
  [/certificate.required|handshake.failure/i, NO_CERTIFICATE],
  [
    /alert.*(?:unknown.ca|bad.certificate|certificate.(?:expired|unknown|revoked))/i,
    'the collector rejects the client certificate: check certFile of the sink',
  ],
  [
    /KEY_VALUES_MISMATCH|ERR_OSSL_(?:PEM|UNSUPPORTED)/i,
    'certFile and keyFile of the sink do not belong together, or are cut: replace both',
  ],
  [/wrong.version.number|packet.length.too.long/i, NO_TLS],
];

export class StreamLine extends Line {
  readonly #socket: Socket;
  readonly #peer: string;
  readonly #writeMs: number;

  constructor(socket: Socket, writeMs: number) {
    super();
    this.#socket = socket;
    this.#writeMs = writeMs;
    this.#peer = authority(socket.remoteAddress ?? 'a closed connection', socket.remotePort ?? 0);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('error', (error) => this.fail(`the connection to ${this.#peer} broke: ${withAdvice(error)}`));
    // The protocol goes one way: an end is all that a collector can say.
    socket.on('end', () => this.fail(`${this.#peer} closed the connection: see the log of the collector`));
    socket.on('close', () => this.fail(`the connection to ${this.#peer} was closed: see the log of the collector`));
    socket.resume();
    if (socket.destroyed) this.fail(`the connection to ${this.#peer} was closed: see the log of the collector`);
  }

  write({ bytes }: Messages, signal: AbortSignal): Promise<void> {
    const silent = `${this.#peer} did not read a batch within ${this.#writeMs / 1000} s: see that the collector runs and keeps up`;
    return new Promise((resolve, reject) => {
      const conclude = (error: LineError | undefined): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        if (error === undefined) {
          resolve();
          return;
        }
        this.#socket.destroy();
        reject(error);
      };
      const abort = () => conclude(this.fail('sending was called off'));
      const timer = setTimeout(() => conclude(this.fail(silent)), this.#writeMs);
      signal.addEventListener('abort', abort);
      if (signal.aborted) return abort();
      this.#socket.write(bytes, (error) => {
        conclude(error ? this.fail(`the connection to ${this.#peer} broke: ${withAdvice(error)}`) : this.failure);
      });
    });
  }

  /** Ends the stream, so that a collector that reads to its end has read everything. */
  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CLOSE_MS);
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.end();
    });
    socket.destroy();
  }
}

export class StreamWay implements Way {
  readonly isStream = true;
  readonly #options: StreamOptions;
  readonly #connector: Connector;
  #line: StreamLine | undefined;

  constructor(options: StreamOptions) {
    const { host, port, timeouts } = options;
    this.#options = options;
    this.#connector = new Connector({ endpoint: new URL(`http://${authority(host, port)}`), timeouts });
  }

  async open(): Promise<Line> {
    if (this.#line !== undefined && this.#line.failure === undefined) return this.#line;
    await this.#line?.close();
    this.#line = new StreamLine(await this.#connected(), this.#options.writeMs);
    return this.#line;
  }

  async close(): Promise<void> {
    await this.#line?.close();
    this.#connector.close();
  }

  async #connected(): Promise<Socket> {
    const { host, tls: own } = this.#options;
    if (own === undefined) return this.#connector.open();
    try {
      return await this.#connector.openSecure((socket) =>
        tls.connect({ ...own, socket, host, servername: serverName(host) }),
      );
    } catch (error) {
      const advice = error instanceof ConnectError && error.cause !== undefined ? adviceOf(error.cause) : undefined;
      throw advice === undefined ? error : new LineError(`${plainWords((error as Error).message)}; ${advice}`);
    }
  }
}

function withAdvice(error: Error): string {
  const advice = adviceOf(error);
  return advice === undefined ? describeError(error) : `${plainWords(describeError(error))}; ${advice}`;
}

function adviceOf(error: unknown): string | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  return ADVICE.find(([pattern]) => pattern.test(`${code} ${message}`))?.[1];
}

/** OpenSSL's own errors have places of its sources around what they say. */
function plainWords(message: string): string {
  return message.replace(/\w+:error:\w+:SSL routines:\w*:([^:]+):[\s\S]*/, '$1').trim();
}

/** Names only: TLS knows no addresses in its server name. */
function serverName(host: string): string {
  return /:|^[\d.]+$/.test(host) ? '' : host;
}
