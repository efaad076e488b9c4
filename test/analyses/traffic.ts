/** Records of made traffic whose truth is known: windows of a minute, as the embedded defaults of `flowlogd run` record them. */
export type Contents = Record<string, string>;

export const WINDOW = 60;
/** A multiple of an hour. */
export const BEGIN = 1_700_002_800;

const SYN = 2;
const RST = 4;
const ACK = 16;
/** Of a connection from its opening to its end: FIN, SYN, PSH, ACK. */
const WHOLE = 27;

export interface Conversation {
  readonly client: string;
  readonly server: string;
  readonly port: number;
  /** Seconds after `BEGIN`. */
  readonly at: number;
  readonly clientPort?: number;
  readonly sent?: number;
  readonly received?: number;
  readonly rtt?: number;
}

export class Traffic {
  readonly logs: { time: number; contents: Contents }[] = [];
  #nextPort = 32_768;
  #seed: number;

  constructor(seed = 1) {
    this.#seed = seed;
  }

  /** Below `limit`; the same at each run (mulberry32). */
  random(limit: number): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  /** A TCP connection that is opened, used and closed within its window. */
  connection({
    client,
    server,
    port,
    at,
    clientPort = this.#port(),
    sent = 800,
    received = 4000,
    rtt = 900,
  }: Conversation): void {
    const toServer = { srcaddr: client, dstaddr: server, srcport: clientPort, dstport: port };
    const toClient = { srcaddr: server, dstaddr: client, srcport: port, dstport: clientPort };
    const times = { 'handshake-rtt': rtt, 'tcp-flags': WHOLE };
    this.record(at, { ...toServer, ...times, bytes: sent, packets: packetsOf(sent), initiator: 'source' });
    this.record(at, { ...toClient, ...times, bytes: received, packets: packetsOf(received), initiator: 'destination' });
  }

  /** A SYN to which nobody answers. */
  unanswered({ client, server, port, at, clientPort = this.#port() }: Conversation, packets = 1): void {
    const flow = { srcaddr: client, dstaddr: server, srcport: clientPort, dstport: port };
    this.record(at, { ...flow, 'tcp-flags': SYN, bytes: 60 * packets, packets, initiator: 'source' });
  }

  /** A SYN that is answered with a reset. */
  refused({ client, server, port, at, clientPort = this.#port() }: Conversation): void {
    this.unanswered({ client, server, port, at, clientPort });
    const flow = { srcaddr: server, dstaddr: client, srcport: port, dstport: clientPort };
    this.record(at, { ...flow, 'tcp-flags': RST | ACK, bytes: 40, packets: 1, initiator: 'destination' });
  }

  datagrams({ client, server, port, at, clientPort = this.#port(), sent = 80, received = 200 }: Conversation): void {
    const toServer = { srcaddr: client, dstaddr: server, srcport: clientPort, dstport: port };
    const toClient = { srcaddr: server, dstaddr: client, srcport: port, dstport: clientPort };
    this.record(at, { ...toServer, protocol: 17, bytes: sent, packets: 1, initiator: 'source' });
    if (received > 0)
      this.record(at, { ...toClient, protocol: 17, bytes: received, packets: 1, initiator: 'destination' });
  }

  /** One record of TCP unless it says otherwise. */
  record(at: number, contents: Readonly<Record<string, string | number>>): void {
    const first = BEGIN + at;
    const start = first - (first % WINDOW);
    const whole = {
      protocol: 6,
      packets: 1,
      bytes: 60,
      action: 'ACCEPT',
      'log-status': 'OK',
      'interface-id': 'eth0',
      first,
      last: first,
      start,
      end: start + WINDOW,
      ...contents,
    };
    const texts = Object.entries(whole).map(([name, value]) => [name, String(value)] as const);
    this.logs.push({ time: (start + WINDOW) * 1000, contents: Object.fromEntries(texts) });
  }

  /** A window's ledger; `lost` of the offered packets were dropped by the kernel. */
  ledger(at: number, offered: number, lost: number): void {
    const start = BEGIN + at;
    const contents: Contents = {
      'interface-id': 'eth0',
      start: String(start),
      end: String(start + WINDOW),
      'ledger-status': lost > 0 ? 'SKIPDATA' : 'OK',
      'ledger-offered-packets': String(offered),
      'ledger-metered-packets': String(offered - lost),
      'ledger-dropped-by-kernel-packets': String(lost),
      'ledger-gap-seconds': '0',
    };
    this.logs.push({ time: (start + WINDOW) * 1000, contents });
  }

  /** An hour of an office: web, database and names, a few errors, nothing to be told. */
  everyday(): void {
    for (let second = 0; second < 3600; second += 10) {
      const client = `10.0.0.${1 + this.random(30)}`;
      const at = second + this.random(10);
      this.connection({
        client,
        server: `10.0.1.${1 + this.random(3)}`,
        port: 443,
        at,
        received: 2000 + this.random(90_000),
      });
      if (second % 30 === 0)
        this.connection({ client: `10.0.1.${1 + this.random(3)}`, server: '10.0.2.1', port: 5432, at });
      this.datagrams({ client, server: '10.0.2.53', port: 53, at });
      if (second % 600 === 0) this.refused({ client, server: '10.0.2.1', port: 8080 + second / 600, at });
      if (second % 900 === 0) this.unanswered({ client, server: `198.51.100.${1 + this.random(200)}`, port: 443, at });
    }
    for (let window = 0; window < 3600; window += WINDOW) this.ledger(window, 1000, 0);
  }

  #port(): number {
    this.#nextPort = this.#nextPort === 60_999 ? 32_768 : this.#nextPort + 1;
    return this.#nextPort;
  }
}

function packetsOf(bytes: number): number {
  return 4 + Math.ceil(bytes / 1400);
}
