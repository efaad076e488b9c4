/**
 * The connections of a TCP listener, shared fairly: among addresses, and on loopback, where every user of the host has the same
 * address and many more to choose from, among users.
 */
import { isIPv6, type Socket } from 'node:net';
import { ConnectionShares, type ShareLimits } from './connection-shares.ts';
import { tcpClients } from './tcp-clients.ts';

export class Connections {
  readonly #limits: ShareLimits;
  readonly #shares: ConnectionShares<Socket>;
  readonly #clients: typeof tcpClients;
  /** Of this host, their users not known yet. */
  readonly #unidentified = new Set<Socket>();
  #isIdentifying = false;

  constructor(limits: ShareLimits, clients = tcpClients) {
    this.#limits = limits;
    this.#shares = new ConnectionShares(limits);
    this.#clients = clients;
  }

  add(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? '');
    const isLocal = isLoopback(address);
    socket.once('close', () => {
      this.#shares.leave(socket);
      this.#unidentified.delete(socket);
    });
    if (isLocal) this.#unidentified.add(socket);
    this.#shares.enter(socket, isLocal ? undefined : network(address))?.destroy();
    // Until then nobody can have more than a share.
    if (this.#shares.size > this.#limits.perPeerMax) void this.#identify();
  }

  /** Its client has the key. */
  keep(socket: Socket): void {
    this.#shares.keep(socket);
  }

  /** One look at the kernel's lists at a time, each for all that came before it. */
  async #identify(): Promise<void> {
    if (this.#isIdentifying) return;
    this.#isIdentifying = true;
    while (this.#unidentified.size > 0) {
      const sockets = [...this.#unidentified];
      // One that was closed meanwhile has no port any more.
      const users = await this.#clients(sockets.find(({ localPort }) => localPort !== undefined)?.localPort ?? 0);
      for (const socket of sockets) {
        if (!this.#unidentified.delete(socket)) continue;
        const user = users.get(`${plainAddress(socket.remoteAddress ?? '')} ${socket.remotePort}`);
        this.#shares.identify(socket, user === undefined ? 'unknown user' : `user ${user}`)?.destroy();
      }
    }
    this.#isIdentifying = false;
  }
}

function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** Of IPv6 the /64: a host of one has all of its addresses. */
function network(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('%', 1)[0]!.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after].slice(0, 4).join(':');
}
