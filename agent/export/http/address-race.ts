import { connect, type Socket } from 'node:net';
import { authority, ConnectError, describeError } from './connect-error.ts';
import type { Address } from './name-lookup.ts';

/** The Connection Attempt Delay of RFC 8305, section 5: the next address gets its chance, and this one continues. */
const STAGGER_MS = 250;

/**
 * A TCP connection to the first address that takes one, as in RFC 8305 ("Happy Eyeballs"): families alternate, an attempt
 * begins when the one before has failed or has gone on for a quarter of a second, and every attempt has the whole bound to
 * itself. Node's own selection of a family ends each attempt but the last after that quarter of a second, which a handshake
 * over a far or lossy way does not meet.
 *
 * @throws ConnectError with what each address answered
 */
export function raceToConnect(
  addresses: readonly Address[],
  port: number,
  attemptMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => new AddressRace(addresses, port, attemptMs, signal, resolve, reject).next());
}

/** The families in turn, each in its own order, beginning with the one that the system prefers. */
export function alternated(addresses: readonly Address[]): Address[] {
  const [preferred] = addresses;
  const first = addresses.filter(({ family }) => family === preferred?.family);
  const second = addresses.filter(({ family }) => family !== preferred?.family);
  return first.flatMap((address, at) => [address, ...second.slice(at, at + 1)]).concat(second.slice(first.length));
}

class AddressRace {
  readonly #port: number;
  readonly #attemptMs: number;
  readonly #waiting: Address[];
  readonly #sockets = new Set<Socket>();
  readonly #failures: string[] = [];
  readonly #settle: () => void;
  readonly #resolve: (socket: Socket) => void;
  readonly #reject: (error: Error) => void;
  #isOver = false;
  #stagger: NodeJS.Timeout | undefined;

  constructor(
    addresses: readonly Address[],
    port: number,
    attemptMs: number,
    signal: AbortSignal,
    resolve: (socket: Socket) => void,
    reject: (error: Error) => void,
  ) {
    this.#port = port;
    this.#attemptMs = attemptMs;
    this.#waiting = alternated(addresses);
    this.#resolve = resolve;
    this.#reject = reject;
    const abort = () => this.#end(() => reject(new ConnectError('connecting was called off')));
    signal.addEventListener('abort', abort, { once: true });
    this.#settle = () => signal.removeEventListener('abort', abort);
    if (signal.aborted) abort();
  }

  /** Begins with the next address, or ends when none is left and none is under way. */
  next(): void {
    if (this.#isOver) return;
    clearTimeout(this.#stagger);
    const address = this.#waiting.shift();
    if (address !== undefined) {
      this.#attempt(address);
      if (this.#waiting.length > 0) this.#stagger = setTimeout(() => this.next(), STAGGER_MS);
    } else if (this.#sockets.size === 0) {
      this.#end(() => this.#reject(new ConnectError(`TCP connection failed: ${this.#failures.join('; ')}`)));
    }
  }

  #attempt({ host, family }: Address): void {
    const socket = connect({ host, family, port: this.#port, autoSelectFamily: false, noDelay: true });
    this.#sockets.add(socket);
    const passed = setTimeout(
      () => socket.destroy(new Error(`no answer within ${this.#attemptMs} ms`)),
      this.#attemptMs,
    );
    const failed = (error: Error) => {
      clearTimeout(passed);
      this.#sockets.delete(socket);
      this.#failures.push(failureOf(host, this.#port, error));
      this.next();
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      clearTimeout(passed);
      socket.off('error', failed);
      this.#sockets.delete(socket);
      this.#end(() => this.#resolve(socket));
    });
  }

  #end(conclude: () => void): void {
    this.#isOver = true;
    clearTimeout(this.#stagger);
    this.#settle();
    for (const socket of this.#sockets) socket.removeAllListeners('connect').destroy();
    conclude();
  }
}

/** Node's words name the address already. */
function failureOf(host: string, port: number, error: NodeJS.ErrnoException): string {
  return `${authority(host, port)} ${error.syscall === 'connect' ? error.code : describeError(error)}`;
}
