/**
 * How a connection to the endpoint comes about, in steps that each have a limit and a name:
 *
 *     name look-up ── TCP, to every address ── [ TLS to the proxy ── CONNECT ] ── TLS
 *
 * The first three are of the proxy where there is one; an endpoint without TLS needs no CONNECT. What fails says its step.
 */
import * as http from 'node:http';
import type { Socket } from 'node:net';
import * as tls from 'node:tls';
import { raceToConnect } from './address-race.ts';
import { authority, ConnectError, describeError } from './connect-error.ts';
import { type Address, NameLookup } from './name-lookup.ts';
import { proxyAuthorization, shownProxy } from './proxy.ts';

export interface ConnectTimeouts {
  readonly lookupMs: number;
  /** For the TCP handshake with each address. */
  readonly connectMs: number;
  /** For the TLS handshake, and for a proxy to connect. */
  readonly tlsMs: number;
}

export interface ConnectorOptions {
  readonly endpoint: URL;
  readonly timeouts: ConnectTimeouts;
  /** With user and password where it asks for them. */
  readonly proxy?: URL | undefined;
  /** What a proxy that is spoken to over TLS must prove. */
  readonly tls?: tls.ConnectionOptions | undefined;
}

/** Proxies say 407 for missing credentials, 403 and 405 for what they never connect to. */
const REFUSALS = new Set([401, 403, 405, 407]);

export class Connector {
  readonly #options: ConnectorOptions;
  readonly #names = new NameLookup();
  readonly #abort = new AbortController();
  /** What took a TCP connection last and then led nowhere: others come first next time. */
  #deadEnd: string | undefined;

  constructor(options: ConnectorOptions) {
    this.#options = options;
  }

  /** A connection to write plain HTTP to. @throws ConnectError */
  async open(): Promise<Socket> {
    const { proxy, endpoint } = this.#options;
    const socket = await this.#dial(proxy ?? endpoint);
    return proxy?.protocol === 'https:' ? this.#shake(() => this.#proxyTls(socket, proxy), socket) : socket;
  }

  /** A connection after its TLS handshake. @param start begins the handshake over a connection @throws ConnectError */
  async openSecure(start: (socket: Socket) => tls.TLSSocket): Promise<tls.TLSSocket> {
    const socket = await this.open();
    const { proxy } = this.#options;
    const tunnel = proxy === undefined ? socket : await this.#tunnel(socket, proxy);
    return this.#shake(() => start(tunnel), socket);
  }

  close(): void {
    this.#abort.abort();
  }

  async #dial(target: URL): Promise<Socket> {
    const { lookupMs, connectMs } = this.#options.timeouts;
    const addresses = await this.#names.addressesOf(hostOf(target), lookupMs);
    return raceToConnect(this.#deadEndLast(addresses), portOf(target), connectMs, this.#abort.signal);
  }

  #deadEndLast(addresses: readonly Address[]): readonly Address[] {
    const isDead = ({ host }: Address) => host === this.#deadEnd;
    return [...addresses.filter((address) => !isDead(address)), ...addresses.filter(isDead)];
  }

  #proxyTls(socket: Socket, proxy: URL): tls.TLSSocket {
    return tls.connect({ ...this.#options.tls, socket, host: hostOf(proxy), servername: serverName(proxy) });
  }

  /** @param under the TCP connection below */
  async #shake(start: () => tls.TLSSocket, under: Socket): Promise<tls.TLSSocket> {
    const { tlsMs } = this.#options.timeouts;
    const peer = peerOf(under);
    let shaking: tls.TLSSocket | undefined;
    try {
      // A certificate without its key is told at once.
      shaking = start();
      await settled(shaking, 'secureConnect', tlsMs, this.#abort.signal);
      return shaking;
    } catch (error) {
      this.#deadEnd = under.remoteAddress;
      shaking?.destroy();
      under.destroy();
      throw new ConnectError(`TLS handshake with ${peer} failed: ${describeError(error)}`, { cause: error });
    }
  }

  /** RFC 9110 section 9.3.6. */
  async #tunnel(socket: Socket, proxy: URL): Promise<Socket> {
    const { endpoint, timeouts } = this.#options;
    const target = authority(hostOf(endpoint), portOf(endpoint));
    const authorization = proxyAuthorization(proxy);
    const asking = http.request({
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }) },
      createConnection: () => socket,
    });
    const failed = `proxy ${shownProxy(proxy)} did not connect to ${target}`;
    let answer: http.IncomingMessage;
    try {
      asking.end();
      [answer] = (await settled(asking, 'connect', timeouts.tlsMs, this.#abort.signal)) as [http.IncomingMessage];
    } catch (error) {
      socket.destroy();
      throw new ConnectError(`${failed}: ${describeError(error)}`, { cause: error });
    }
    const { statusCode = 0, statusMessage = '' } = answer;
    if (statusCode >= 200 && statusCode < 300) return socket;
    socket.destroy();
    throw new ConnectError(`${failed}: ${statusCode} ${statusMessage}${adviceFor(statusCode)}`, {
      isRefusal: REFUSALS.has(statusCode),
    });
  }
}

/** What to do about a proxy's own refusal; some say 401 for credentials that are wrong, 407 only where there are none. */
export function adviceFor(status: number): string {
  if (status === 407 || status === 401) return '; check the user and password in the option proxy of the sink';
  if (status === 403 || status === 405) return '; the rules of the proxy do not allow it';
  return status >= 500 ? '; check that the proxy can reach it' : '';
}

/** Waits for an event, at most `boundMs`, and fails as what emits it fails or closes. */
async function settled(
  emitter: NodeJS.EventEmitter,
  event: string,
  boundMs: number,
  signal: AbortSignal,
): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const done = (conclude: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      emitter.off(event, succeed).off('close', close);
      conclude();
    };
    const succeed = (...values: unknown[]) => {
      emitter.off('error', fail);
      done(() => resolve(values));
    };
    const fail = (error: Error) => done(() => reject(error));
    const close = () => fail(new Error('the connection was closed'));
    const abort = () => fail(new Error('connecting was called off'));
    const timer = setTimeout(() => fail(new Error(`no answer within ${boundMs} ms`)), boundMs);
    // The listener for errors stays after a failure: what breaks later must not end the process.
    emitter.on('error', fail).once(event, succeed).once('close', close);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
  });
}

function peerOf(socket: Socket): string {
  return authority(socket.remoteAddress ?? 'a closed connection', socket.remotePort ?? 0);
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

/** Names only: TLS knows no addresses in its server name. */
function serverName({ hostname }: URL): string {
  return /^\[|^[\d.]+$/.test(hostname) ? '' : hostname;
}
