import { createServer as createHttpsServer } from 'node:https';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { OtlpSink, type OtlpSinkOptions } from '../../../../agent/export/otlp/otlp-sink.ts';
import type { SendOutcome } from '../../../../agent/model/sink.ts';
import { Authority } from '../../../support/certificates.ts';
import { batch } from '../../../support/exporter-world.ts';
import {
  type Answerer,
  httpServer,
  type Loopback,
  type Received,
  readWhole,
  served,
  tcpServer,
} from '../../../support/loopback.ts';
import { decodeLogs, partialSuccess } from '../../../support/otlp-schema.ts';

const TIMEOUTS = { lookupMs: 2000, connectMs: 2000, tlsMs: 2000, responseMs: 300, totalMs: 600 };
const TOKEN = 'tokentokentoken';
const BATCH = batch('host-1', 3);
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

function sinkTo(url: URL, options: Partial<OtlpSinkOptions> = {}): OtlpSink {
  const sink = new OtlpSink({
    endpoint: new URL('/v1/logs', url),
    headers: {},
    names: 'otel',
    ledgerLog: true,
    hostName: 'host-1',
    compression: 'gzip',
    timeouts: TIMEOUTS,
    socketsMax: 4,
    nowMs: () => 1_700_000_000_000,
    ...options,
  });
  open.push(() => sink.close());
  return sink;
}

async function kept(server: Promise<Loopback>): Promise<Loopback> {
  const loopback = await server;
  open.push(() => loopback.close());
  return loopback;
}

/** Answers as a collector does, and remembers. */
async function receiver(answer: Answerer = (_, response) => response.end()) {
  const received: Received[] = [];
  const { url } = await kept(
    httpServer((request, response, nth) => {
      received.push(request);
      response.setHeader('content-type', 'application/x-protobuf');
      answer(request, response, nth);
    }),
  );
  return { url, received };
}

const send = (sink: OtlpSink, bytes = BATCH): Promise<SendOutcome> => sink.send(bytes, new AbortController().signal);
const probe = (sink: OtlpSink) => sink.probe(new AbortController().signal);

describe('a request', () => {
  it('is posted as compressed protobuf with the headers of the user', async () => {
    const { url, received } = await receiver();
    const sink = sinkTo(url, { headers: { Authorization: `Bearer ${TOKEN}`, 'X-Scope-OrgID': 'tenant-1' } });
    expect(await send(sink)).toEqual({ kind: 'accepted' });
    const [{ method, url: path, headers, body }] = received as [Received];
    expect([method, path]).toEqual(['POST', '/v1/logs']);
    expect(headers).toMatchObject({
      'content-type': 'application/x-protobuf',
      'content-encoding': 'gzip',
      'user-agent': 'flowlogd',
      authorization: `Bearer ${TOKEN}`,
      'x-scope-orgid': 'tenant-1',
      host: url.host,
    });
    expect(decodeLogs(gunzipSync(body)).records).toHaveLength(3);
    expect(sink.description).toBe(`OTLP receiver at ${url.origin}/v1/logs`);
  });

  it('is plain where compression is none', async () => {
    const { url, received } = await receiver();
    await send(sinkTo(url, { compression: 'none' }));
    expect(received[0]!.headers).not.toHaveProperty('content-encoding');
    expect(decodeLogs(received[0]!.body).records).toHaveLength(3);
  });

  it('is its own, however many are on their way at once', async () => {
    const { url, received } = await receiver((_, response) => setTimeout(() => response.end(), 20));
    const sink = sinkTo(url, { compression: 'none' });
    await Promise.all(['a', 'b', 'c'].map((name, index) => send(sink, batch(name, index + 1))));
    const hosts = received
      .map(({ body }) => decodeLogs(body))
      .map(({ resource, records }) => [resource.get('host.id'), records.length]);
    expect(hosts.sort()).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
  });

  it('goes over TLS to a receiver that is trusted, and to no other', async () => {
    const authority = new Authority('test');
    const server = createHttpsServer(
      authority.sign('IP:127.0.0.1'),
      readWhole((_, response) => response.end()),
    );
    const { url } = await kept(served(server, 'https'));
    expect(await send(sinkTo(url, { tls: { ca: authority.cert } }))).toEqual({ kind: 'accepted' });
    expect(await send(sinkTo(url))).toMatchObject({ kind: 'retry', reason: expect.stringContaining('TLS handshake') });
  });
});

describe('what becomes of a batch', () => {
  it('is told with the number of records that the receiver rejected', async () => {
    const { url } = await receiver((_, response) => response.end(partialSuccess(300, 'too old')));
    expect(await send(sinkTo(url))).toEqual({ kind: 'accepted', rejected: { records: 3, reason: 'too old' } });
  });

  it('is what the receiver says, without the credentials that it repeats', async () => {
    const { url } = await receiver(({ headers }, response) => {
      response
        .writeHead(401, { 'content-type': 'text/plain' })
        .end(`no such token: ${headers.authorization?.slice(7)}`);
    });
    expect(await send(sinkTo(url, { headers: { Authorization: `Bearer ${TOKEN}` } }))).toEqual({
      kind: 'blocked',
      reason: '401: no such token: [secret]; the credentials are missing or wrong: check headers of the sink',
    });
  });

  it('is poison for bytes that are no batch, and newer for one of a newer flowlogd, without a request', async () => {
    const { url, received } = await receiver();
    const sink = sinkTo(url);
    expect(await send(sink, Uint8Array.of(0xff))).toMatchObject({ kind: 'poison' });
    expect(await send(sink, Buffer.concat([BATCH, Uint8Array.of(0xf8, 0x7f, 1)]))).toMatchObject({ kind: 'newer' });
    expect(received).toEqual([]);
  });

  it('knows the clock of the receiver', async () => {
    const { url } = await receiver((_, response) => response.setHeader('date', 'Tue, 14 Nov 2023 22:14:20 GMT').end());
    const sink = sinkTo(url);
    expect(sink.clockAheadMs).toBeUndefined();
    await send(sink);
    expect(sink.clockAheadMs).toBe(60_000);
  });
});

describe('a receiver that lies or hangs', () => {
  it('costs a bounded time and no batch', async () => {
    const silent = await kept(tcpServer(() => {}));
    expect(await send(sinkTo(silent.url))).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('within 300 ms'),
    });
    const slow = await receiver((_, response) => void response.write(Uint8Array.of(0x0a)));
    expect(await send(sinkTo(slow.url))).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('within 600 ms'),
    });
  });

  it('is not read beyond what an answer may be', async () => {
    const { url } = await receiver((_, response) => {
      const more = (): void => void (response.destroyed || response.write(Buffer.alloc(65_536), more));
      more();
    });
    expect(await send(sinkTo(url))).toMatchObject({
      kind: 'blocked',
      reason: expect.stringContaining('no message of OTLP'),
    });
  });

  it('that closes is asked again later', async () => {
    const { url } = await kept(tcpServer((socket) => socket.destroy()));
    expect(await send(sinkTo(url))).toMatchObject({ kind: 'retry' });
  });
});

describe('a probe', () => {
  it('sends no record, and is open where the receiver lets it in', async () => {
    const { url, received } = await receiver();
    expect(await probe(sinkTo(url))).toEqual({ kind: 'accepted' });
    expect(gunzipSync(received[0]!.body)).toEqual(Buffer.of(0x0a, 0));
    const strict = await receiver((_, response) => response.writeHead(400).end(Uint8Array.of(0x12, 1, 0x61)));
    expect(await probe(sinkTo(strict.url))).toEqual({ kind: 'accepted' });
  });

  it.each([
    [403, 'blocked', 'lack the right'],
    [413, 'blocked', '413'],
    [503, 'retry', '503'],
    [400, 'blocked', '400'],
  ])('is not where it answers %i', async (status, kind, words) => {
    const { url } = await receiver((_, response) => response.writeHead(status, { 'content-type': 'text/html' }).end());
    expect(await probe(sinkTo(url))).toMatchObject({ kind, reason: expect.stringContaining(words) });
  });
});
