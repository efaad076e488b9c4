/**
 * Messages over UDP, a datagram each. They leave at a limited rate, so that a backlog does not run over the buffer of a collector. A host
 * that says (ICMP) that nothing listens there ends the line, and what was sent over it a moment before counts as not sent.
 */
import { createSocket, type Socket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { authority, describeError } from '../http/connect-error.ts';
import { type Address, NameLookup } from '../http/name-lookup.ts';
import { Line, type Way } from './line.ts';
import type { Messages } from './message-writer.ts';

export interface UdpOptions {
  readonly host: string;
  readonly port: number;
  readonly lookupMs: number;
  readonly messagesPerSecond: number;
  /** Milliseconds that never go backwards. */
  readonly now: () => number;
}

/** Between two bursts; timers are no finer. */
const BURST_MS = 2;
/** How long an address counts before the name is looked up again. */
const LOOKUP_AGAIN_MS = 60_000;

const REASONS: Readonly<Record<string, (peer: string) => string>> = {
  ECONNREFUSED: (peer) =>
    `nothing listens at UDP ${peer} (ICMP port unreachable): start the collector, or check endpoint of the sink`,
  EHOSTUNREACH: (peer) => `UDP ${peer} is unreachable (EHOSTUNREACH): check the network and endpoint of the sink`,
  ENETUNREACH: (peer) => `no route to UDP ${peer} (ENETUNREACH): check the network and endpoint of the sink`,
  EPERM: (peer) => `the packet filter of this host rejects UDP to ${peer} (EPERM): allow it`,
  EACCES: (peer) => `this host forbids UDP to ${peer} (EACCES): check endpoint of the sink and the packet filter`,
  EMSGSIZE: (peer) => `a message is too large for the way to UDP ${peer} (EMSGSIZE): lower messageBytes of the sink`,
};

export class UdpLine extends Line {
  readonly address: Address;
  readonly #peer: string;
  readonly #socket: Socket;
  readonly #burst: number;

  constructor(socket: Socket, address: Address, { port, messagesPerSecond }: UdpOptions) {
    super();
    this.address = address;
    this.#socket = socket;
    this.#peer = authority(address.host, port);
    this.#burst = Math.max(1, Math.round((messagesPerSecond * BURST_MS) / 1000));
    socket.on('error', (error) => this.#refused(error));
  }

  async write({ bytes, ends }: Messages, signal: AbortSignal): Promise<void> {
    for (let from = 0; from < ends.length; from += this.#burst) {
      if (from > 0) await sleep(BURST_MS);
      if (signal.aborted) throw this.fail('sending was called off');
      const burst = ends.slice(from, from + this.#burst);
      await Promise.all(burst.map((end, index) => this.#send(bytes.subarray(ends[from + index - 1] ?? 0, end))));
      if (this.failure !== undefined) throw this.failure;
    }
  }

  async close(): Promise<void> {
    this.#socket.off('error', () => undefined);
    await new Promise<void>((resolve) => {
      try {
        this.#socket.close(() => resolve());
      } catch {
        // It is closed already.
        resolve();
      }
    });
  }

  #send(message: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.failure !== undefined) return resolve();
      this.#socket.send(message, (error) => {
        if (error) this.#refused(error);
        resolve();
      });
    });
  }

  #refused(error: NodeJS.ErrnoException): void {
    const reason = REASONS[error.code ?? ''];
    this.fail(
      reason === undefined ? `sending to UDP ${this.#peer} failed: ${describeError(error)}` : reason(this.#peer),
    );
  }
}

export class UdpWay implements Way {
  readonly isStream = false;
  readonly #options: UdpOptions;
  readonly #names = new NameLookup();
  #line: UdpLine | undefined;
  #lookedUpAt = 0;

  constructor(options: UdpOptions) {
    this.#options = options;
  }

  async open(): Promise<Line> {
    const { now } = this.#options;
    const line = this.#line?.failure === undefined ? this.#line : undefined;
    if (line !== undefined && now() - this.#lookedUpAt < LOOKUP_AGAIN_MS) return line;
    const addresses = await this.#addresses(line);
    this.#lookedUpAt = now();
    if (line !== undefined && addresses.some(({ host }) => host === line.address.host)) return line;
    await this.close();
    this.#line = await this.#connected(addresses[0]!);
    return this.#line;
  }

  async close(): Promise<void> {
    const line = this.#line;
    this.#line = undefined;
    await line?.close();
  }

  /** Name servers that are away stop no line that there is. @throws ConnectError */
  async #addresses(line: UdpLine | undefined): Promise<readonly Address[]> {
    const { host, lookupMs } = this.#options;
    try {
      return await this.#names.addressesOf(host, lookupMs);
    } catch (error) {
      if (line === undefined) throw error;
      return [line.address];
    }
  }

  async #connected(address: Address): Promise<UdpLine> {
    const socket = createSocket(address.family === 6 ? 'udp6' : 'udp4');
    const line = new UdpLine(socket, address, this.#options);
    await new Promise<void>((resolve) => {
      socket.once('error', () => resolve());
      socket.connect(this.#options.port, address.host, () => resolve());
    });
    if (line.failure === undefined) return line;
    await line.close();
    throw line.failure;
  }
}
