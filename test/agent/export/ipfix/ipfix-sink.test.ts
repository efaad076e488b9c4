import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { IPFIX } from '../../../../agent/export/ipfix/kind.ts';
import { ENDPOINT } from '../../../../agent/export/ipfix/options.ts';
import { UdpWay } from '../../../../agent/export/ipfix/udp-line.ts';
import type { SendOutcome, Sink } from '../../../../agent/model/sink.ts';
import { Authority } from '../../../support/certificates.ts';
import { batch } from '../../../support/exporter-world.ts';
import { IpfixDecoder } from '../../../support/ipfix-decoder.ts';
import { type Loopback, served, tcpServer } from '../../../support/loopback.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

type Values = Readonly<Record<string, unknown>>;
const DEFAULTS = {
  ledgerLog: true,
  messageBytes: 1_400,
  messagesPerSecond: 10_000,
  templateSeconds: 60,
  templateMessages: 20,
  timeoutSeconds: 60,
};

/** A sink as the configuration makes it. @param files what the options for certificates name */
async function sinkTo(endpoint: string, values: Values = {}, files: Values = {}): Promise<Sink> {
  const all = { ...DEFAULTS, ...values, endpoint: ENDPOINT.parse(endpoint) };
  const plan = IPFIX.plan('collector', all, (name) => files[name] as string | undefined);
  const sink = await plan.create({ environment: {}, nowMs: Date.now });
  open.push(() => sink.close());
  return sink;
}

const send = (sink: Sink, bytes: Uint8Array, signal = new AbortController().signal): Promise<SendOutcome> =>
  sink.send(bytes, signal);
const probe = (sink: Sink) => sink.probe(new AbortController().signal);

/** A collector over UDP: what it decoded, and its port. */
class UdpCollector {
  readonly decoder = new IpfixDecoder();
  readonly lengths: number[] = [];
  records = 0;
  readonly #socket: UdpSocket = createSocket({ type: 'udp4', recvBufferSize: 8_388_608 });

  static async open(port = 0): Promise<UdpCollector> {
    const made = new UdpCollector();
    await new Promise<void>((resolve) => made.#socket.bind(port, '127.0.0.1', resolve));
    open.push(() => made.close());
    return made;
  }

  private constructor() {
    this.#socket.on('message', (bytes) => {
      this.lengths.push(bytes.length);
      const { records } = this.decoder.message(bytes);
      this.records += records.filter(({ template }) => template < 272).length;
    });
  }

  get port(): number {
    return this.#socket.address().port;
  }

  get url(): string {
    return `udp://127.0.0.1:${this.port}`;
  }

  #closed: Promise<void> | undefined;

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#socket.close(() => resolve()));
    return this.#closed;
  }
}

async function kept(server: Promise<Loopback>): Promise<Loopback> {
  const loopback = await server;
  open.push(() => loopback.close());
  return loopback;
}

/** A collector over TCP that reads everything. */
async function tcpCollector() {
  const received: Buffer[] = [];
  const sockets: Socket[] = [];
  const { port } = await kept(
    tcpServer((socket) => {
      sockets.push(socket);
      socket.on('data', (bytes) => received.push(bytes));
    }),
  );
  return { url: `tcp://127.0.0.1:${port}`, sockets, bytes: () => Buffer.concat(received.splice(0)) };
}

describe('over UDP', () => {
  it('a collector has every record of batches, in messages of the size that is set, with no gap', async () => {
    const collector = await UdpCollector.open();
    const sink = await sinkTo(collector.url, { messageBytes: 600 });
    for (const name of ['a', 'b', 'c']) expect(await send(sink, batch(name, 300))).toEqual({ kind: 'sent' });
    await expect.poll(() => collector.records).toBe(900);
    expect(collector.decoder.missing).toBe(0);
    expect(Math.max(...collector.lengths)).toBeLessThanOrEqual(600);
    expect(sink.description).toBe(`IPFIX collector at ${collector.url}`);
  });

  it('what is called off before its turn is not sent', async () => {
    const collector = await UdpCollector.open();
    const sink = await sinkTo(collector.url);
    expect(await send(sink, batch('a', 10), AbortSignal.abort())).toMatchObject({ kind: 'retry' });
    expect(await send(sink, batch('b', 10))).toEqual({ kind: 'sent' });
    await expect.poll(() => collector.records).toBe(10);
  });

  it('batches that are on their way together do not mix', async () => {
    const collector = await UdpCollector.open();
    const sink = await sinkTo(collector.url);
    const outcomes = await Promise.all(['a', 'b', 'c', 'd'].map((name) => send(sink, batch(name, 500))));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['sent']));
    await expect.poll(() => collector.records).toBe(2_000);
    expect(collector.decoder.missing).toBe(0);
  });

  it('a port at which nothing listens is noticed, and the same batch arrives when something does', async () => {
    const collector = await UdpCollector.open();
    const { port } = collector;
    const sink = await sinkTo(collector.url);
    expect(await send(sink, batch('a'))).toEqual({ kind: 'sent' });
    await collector.close();
    for (const records of [1, 2_000]) {
      expect(await send(sink, batch('b', records))).toEqual({
        kind: 'retry',
        reason: `nothing listens at UDP 127.0.0.1:${port} (ICMP port unreachable): start the collector, or check endpoint of the sink`,
      });
    }
    const another = await UdpCollector.open(port);
    expect(await send(sink, batch('b', 7))).toEqual({ kind: 'sent' });
    await expect.poll(() => another.records).toBe(7);
  });

  it('a refusal that is there counts, also where the process stood still until its time was over', async () => {
    const gone = await UdpCollector.open();
    const { port } = gone;
    await gone.close();
    const way = new UdpWay({ host: '127.0.0.1', port, lookupMs: 1000, messagesPerSecond: 1000, now: Date.now });
    open.push(() => way.close());
    const line = await way.open();
    const { signal } = new AbortController();
    await line.write({ bytes: new Uint8Array(16), ends: [16] }, signal).catch(() => undefined);
    const settled = line.settle(1, signal);
    const until = Date.now() + 50;
    while (Date.now() < until);
    expect((await settled)?.message).toContain('nothing listens');
  });

  it('a network that is not there is named', async () => {
    const sink = await sinkTo('udp://127.0.0.1:1', { messageBytes: 65_507 });
    expect(await send(sink, batch('a', 3_000))).toMatchObject({ kind: 'retry' });
    const nameless = await sinkTo('udp://collector.invalid:4739');
    expect(await send(nameless, batch('a'))).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('name look-up of collector.invalid failed'),
    });
  });

  it('sending is called off within a burst, and nothing is sent after that', async () => {
    const collector = await UdpCollector.open();
    const sink = await sinkTo(collector.url, { messagesPerSecond: 500 });
    const abort = new AbortController();
    const sending = send(sink, batch('a', 4_000), abort.signal);
    await expect.poll(() => collector.records).toBeGreaterThan(0);
    abort.abort();
    expect(await sending).toEqual({ kind: 'retry', reason: 'sending was called off' });
    expect(collector.records).toBeLessThan(4_000);
  });

  it('a probe says that only sending can be tried, or that nothing listens', async () => {
    const collector = await UdpCollector.open();
    const sink = await sinkTo(collector.url);
    expect(await probe(sink)).toEqual({
      kind: 'accepted',
      note: 'nothing refused a message; IPFIX over UDP acknowledges nothing, so only sending can be tried',
    });
    await expect.poll(() => collector.lengths).toEqual([16]);
    await collector.close();
    expect(await probe(sink)).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('nothing listens at UDP'),
    });
  });
});

describe('over TCP', () => {
  it('a collector has every record, and templates once a connection, from sequence number 0 on', async () => {
    const collector = await tcpCollector();
    const sink = await sinkTo(collector.url);
    for (const name of ['a', 'b']) expect(await send(sink, batch(name, 3_000))).toEqual({ kind: 'sent' });
    const messages = new IpfixDecoder().all(collector.bytes());
    expect(messages.flatMap(({ records }) => records.filter(({ template }) => template < 272))).toHaveLength(6_000);
    expect(messages.flatMap(({ templates }) => templates).map(({ id }) => id)).toEqual([256, 274]);
    expect(Math.max(...messages.map(({ sequence }) => sequence))).toBeGreaterThan(3_000);
    collector.sockets[0]!.resetAndDestroy();
    await expect.poll(() => send(sink, batch('c', 5))).toEqual({ kind: 'sent' });
    const again = new IpfixDecoder().all(collector.bytes());
    expect(again).toMatchObject([
      { sequence: 0, templates: [{ id: 256 }] },
      { sequence: 0, templates: [{ id: 274 }] },
    ]);
  });

  it.each([
    ['resets the connection', (socket: Socket) => socket.resetAndDestroy(), /ECONNRESET|broke|was closed/],
    ['closes it with bytes unread', (socket: Socket) => socket.destroy(), /ECONNRESET|closed/],
    ['ends its side', (socket: Socket) => socket.end(), /closed the connection: see the log of the collector/],
  ])('one that %s gets the batch again', async (_, act, words) => {
    const { port } = await kept(tcpServer((socket, nth) => (nth === 1 ? act(socket) : socket.resume())));
    const sink = await sinkTo(`tcp://127.0.0.1:${port}`);
    expect(await send(sink, batch('a', 4_000))).toMatchObject({ kind: 'retry', reason: expect.stringMatching(words) });
    expect(await send(sink, batch('a', 4_000))).toEqual({ kind: 'sent' });
  });

  it('one that never reads costs a limited time and what one batch takes', async () => {
    const { port } = await kept(tcpServer((socket) => socket.pause()));
    const sink = await sinkTo(`tcp://127.0.0.1:${port}`, { timeoutSeconds: 0.3 });
    const outcomes: SendOutcome[] = [];
    while (outcomes.at(-1)?.kind !== 'retry') outcomes.push(await send(sink, batch('a', 4_096)));
    expect(outcomes.at(-1)).toEqual({
      kind: 'retry',
      reason: `127.0.0.1:${port} did not read a batch within 0.3 s: see that the collector runs and keeps up`,
    });
    // The kernel of this host takes a few megabytes before it takes no more.
    expect(outcomes.length).toBeLessThan(100);
  });

  it('one that floods is read and not remembered', async () => {
    const { port } = await kept(
      tcpServer((socket) => {
        socket.resume();
        const more = (): void => void (socket.destroyed || socket.write(Buffer.alloc(65_536), more));
        more();
      }),
    );
    const sink = await sinkTo(`tcp://127.0.0.1:${port}`);
    expect(await send(sink, batch('a', 4_000))).toEqual({ kind: 'sent' });
  });

  it('has read everything when the sink is closed', async () => {
    const collector = await tcpCollector();
    const sink = await sinkTo(collector.url);
    const abort = new AbortController();
    const sending = send(sink, batch('a', 4_000), abort.signal);
    await expect.poll(() => collector.sockets.length).toBe(1);
    await sending;
    await sink.close();
    const messages = new IpfixDecoder().all(collector.bytes());
    expect(messages.flatMap(({ records }) => records.filter(({ template }) => template < 272))).toHaveLength(4_000);
  });

  it('a probe opens a connection and sends nothing', async () => {
    const collector = await tcpCollector();
    expect(await probe(await sinkTo(collector.url))).toEqual({
      kind: 'accepted',
      note: 'takes the connection; IPFIX acknowledges nothing, so only sending can be tried',
    });
    expect(collector.sockets).toHaveLength(1);
    expect(collector.bytes()).toHaveLength(0);
    const closed = await kept(tcpServer(() => undefined));
    await closed.close();
    expect(await probe(await sinkTo(`tcp://127.0.0.1:${closed.port}`))).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describe('over TLS', () => {
  let authority: Authority;
  let other: Authority;
  beforeAll(() => {
    authority = new Authority('test');
    other = new Authority('other');
  });
  afterAll(() => {
    authority.remove();
    other.remove();
  });

  async function tlsCollector(options: TlsOptions) {
    const received: Buffer[] = [];
    const server = createTlsServer(options, (socket) => {
      socket.on('data', (bytes) => received.push(bytes));
      socket.on('error', () => undefined);
    });
    const { port } = await kept(served(server as never, 'https'));
    return { url: `tls://127.0.0.1:${port}`, port, bytes: () => Buffer.concat(received) };
  }

  const reasonOf = async (endpoint: string, files: Values): Promise<string> => {
    const outcome = await send(await sinkTo(endpoint, {}, files), batch('a'));
    expect(outcome.kind).toBe('retry');
    return 'reason' in outcome ? outcome.reason : '';
  };

  it('a collector whose authority is named has every record', async () => {
    const collector = await tlsCollector(authority.sign('IP:127.0.0.1'));
    const sink = await sinkTo(collector.url, {}, { caFile: authority.cert });
    expect(await send(sink, batch('a', 100))).toEqual({ kind: 'sent' });
    expect(await probe(sink)).toMatchObject({ kind: 'accepted' });
    const messages = new IpfixDecoder().all(collector.bytes());
    expect(messages.flatMap(({ records }) => records.filter(({ template }) => template < 272))).toHaveLength(100);
  });

  it('what is wrong with a certificate is said, and what to do', async () => {
    const right = await tlsCollector(authority.sign('IP:127.0.0.1'));
    expect(await reasonOf(right.url, {})).toMatch(/TLS handshake with .*; set caFile of the sink/);
    expect(await reasonOf(right.url, { caFile: other.cert })).toMatch(/; set caFile of the sink/);
    const named = await tlsCollector(authority.sign('DNS:collector.example.net'));
    expect(await reasonOf(named.url, { caFile: authority.cert })).toMatch(/; set endpoint of the sink to a name/);
    const expired = await tlsCollector(authority.sign('IP:127.0.0.1', -1));
    expect(await reasonOf(expired.url, { caFile: authority.cert })).toMatch(/; renew the certificate of the collector/);
    const { port } = await kept(tcpServer((socket) => socket.end('no TLS here')));
    expect(await reasonOf(`tls://127.0.0.1:${port}`, { caFile: authority.cert })).toMatch(
      /^TLS handshake with [\d.:]+ failed: wrong version number; the collector has no TLS at this port/,
    );
  });

  it('a client certificate without its key, as amid a renewal, is told and sent no batch', async () => {
    const collector = await tlsCollector(authority.sign('IP:127.0.0.1'));
    const [before, after] = [authority.sign('DNS:agent'), authority.sign('DNS:agent')];
    const files = { caFile: authority.cert, certFile: after.cert };
    const advice = /; certFile and keyFile of the sink do not belong together, or are cut: replace both$/;
    expect(await reasonOf(collector.url, { ...files, keyFile: before.key })).toMatch(advice);
    expect(await reasonOf(collector.url, { ...files, keyFile: after.key.slice(0, 40) })).toMatch(advice);
    const sink = await sinkTo(collector.url, {}, { ...files, keyFile: before.key });
    for (const name of ['a', 'b']) expect(await send(sink, batch(name))).toMatchObject({ kind: 'retry' });
    expect(collector.bytes()).toHaveLength(0);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'a client certificate is shown where one is asked for (%s)',
    async (version) => {
      const options = { ...authority.sign('IP:127.0.0.1'), ca: authority.cert, requestCert: true, maxVersion: version };
      const collector = await tlsCollector({ ...options, rejectUnauthorized: true });
      const own = authority.sign('DNS:agent');
      const files = { caFile: authority.cert };
      expect(
        await send(await sinkTo(collector.url, {}, { ...files, certFile: own.cert, keyFile: own.key }), batch('a')),
      ).toEqual({
        kind: 'sent',
      });
      expect(await reasonOf(collector.url, files)).toMatch(
        /set certFile and keyFile of the sink|closed the connection|ECONNRESET/,
      );
    },
  );
});

describe('what becomes of a batch', () => {
  it('is poison for bytes that are no batch, and newer for one of a newer flowlogd, without a message', async () => {
    const collector = await UdpCollector.open();
    const sink = await sinkTo(collector.url);
    expect(await send(sink, Uint8Array.of(0xff))).toMatchObject({ kind: 'poison' });
    expect(await send(sink, Buffer.concat([batch('a'), Uint8Array.of(0xf8, 0x7f, 1)]))).toMatchObject({
      kind: 'newer',
    });
    expect(await send(sink, batch('b'))).toEqual({ kind: 'sent' });
    await expect.poll(() => collector.lengths).toHaveLength(2);
  });
});
