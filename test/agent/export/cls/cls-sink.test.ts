import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, deflateSync, gzipSync, inflateRawSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { ClsSink, type ClsSinkOptions } from '../../../../agent/export/cls/cls-sink.ts';
import { REFUSALS } from '../../../../agent/export/cls/refusal.ts';
import { signatureSteps } from '../../../../agent/export/cls/signature.ts';
import { createFlowRecord } from '../../../../agent/model/flow-record.ts';
import { createLedger } from '../../../../agent/model/ledger.ts';
import type { SendOutcome } from '../../../../agent/model/sink.ts';
import { contextFlow } from '../../../../agent/wire/context-flow.ts';
import { encodeBatches } from '../../../../agent/wire/flow-batch.ts';
import { BATCH_HEADER } from '../../../support/batch-header.ts';
import { decodeLogGroups } from '../../../support/cls-schema.ts';
import { cursorOver } from '../../../support/flow-records.ts';
import { httpServer, type Loopback, type Received, readWhole, served, tcpServer } from '../../../support/loopback.ts';
import { decodeLz4Block } from '../../../support/lz4-block.ts';

const SECRET_KEY = 'SECRETKEYEXAMPLE00000000000000000';
const TOPIC = '11111111-2222-3333-4444-555555555555';
const NOW = 1_700_000_100_000;
const TIMEOUTS = { lookupMs: 2000, connectMs: 2000, tlsMs: 2000, responseMs: 2000, totalMs: 4000 };

function batchOf(records: number): Uint8Array {
  const flows = Array.from({ length: records }, (_, port) => ({
    ...createFlowRecord(),
    sourcePort: port & 0xffff,
    source0: (port * 2_654_435_761) >>> 0,
    packets: 1 + port,
  }));
  let bytes = new Uint8Array(0);
  encodeBatches(
    { header: BATCH_HEADER, cursor: cursorOver(flows), ledger: undefined, recordsMax: 100_000 },
    (encoded) => {
      bytes = encoded.slice();
    },
  );
  return bytes;
}

const BATCH = batchOf(3);
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

function sinkTo(endpoint: URL, options: Partial<ClsSinkOptions> = {}): ClsSink {
  const sink = new ClsSink({
    endpoint,
    topicId: TOPIC,
    credentials: { secretId: 'AKIDEXAMPLE', secretKey: SECRET_KEY },
    compression: 'lz4',
    timeouts: TIMEOUTS,
    ledgerLog: false,
    socketsMax: 4,
    nowMs: () => NOW,
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

function send(sink: ClsSink, batch = BATCH, signal = new AbortController().signal): Promise<SendOutcome> {
  return sink.send(batch, signal);
}

function reasonOf(outcome: SendOutcome): string {
  return 'reason' in outcome ? outcome.reason : outcome.kind;
}

/** What a service does to check a request, with nothing but the request and the key. */
function signatureHolds(request: Received): boolean {
  const fields = new Map(
    (request.headers.authorization ?? '').split('&').map((pair) => pair.split(/=(.*)/s) as [string, string]),
  );
  const [begin, end] = (fields.get('q-key-time') ?? '').split(';').map(Number) as [number, number];
  const url = new URL(request.url ?? '', 'http://service');
  const names = (fields.get('q-header-list') ?? '').split(';');
  const steps = signatureSteps({
    secretId: fields.get('q-ak') ?? '',
    secretKey: SECRET_KEY,
    method: request.method ?? '',
    path: url.pathname,
    parameters: Object.fromEntries(url.searchParams),
    headers: Object.fromEntries(names.map((name) => [name, String(request.headers[name])])),
    beginSeconds: begin,
    endSeconds: end,
  });
  return steps.signature === fields.get('q-signature');
}

describe('a request of the CLS sink', () => {
  const received = async (options: Partial<ClsSinkOptions> = {}, batch = BATCH): Promise<Received> => {
    const requests: Received[] = [];
    const server = await kept(
      httpServer((request, response) => {
        requests.push(request);
        response.end();
      }),
    );
    expect(await send(sinkTo(server.url, options), batch)).toEqual({ kind: 'accepted' });
    expect(requests).toHaveLength(1);
    return requests[0] as Received;
  };

  it('is a signed POST to the topic, with one log group', async () => {
    const request = await received();
    expect(request.method).toBe('POST');
    expect(request.url).toBe(`/structuredlog?topic_id=${TOPIC}`);
    expect(request.headers).toMatchObject({
      'content-type': 'application/x-protobuf',
      'x-cls-compress-type': 'lz4',
      'user-agent': 'flowlogd',
    });
    expect(request.headers.authorization).toContain('q-header-list=content-type;host;x-cls-compress-type');
    expect(request.headers.authorization).toContain('q-key-time=1700000040;1700000400');
    expect(request.headers['x-cls-token']).toBeUndefined();
    expect(signatureHolds(request)).toBe(true);
    const groups = decodeLogGroups(decodeLz4Block(request.body));
    expect(groups).toHaveLength(1);
    expect(groups[0]).toMatchObject({ contextFlow: contextFlow(BATCH_HEADER), source: 'host-1' });
    expect(groups[0]?.logs).toHaveLength(3);
  });

  it('is compressed as asked', async () => {
    const deflated = await received({ compression: 'deflate' });
    expect(deflated.headers['x-cls-compress-type']).toBe('deflate');
    expect(decodeLogGroups(inflateRawSync(deflated.body))[0]?.logs).toHaveLength(3);
    const plain = await received({ compression: 'none' });
    expect(plain.headers['x-cls-compress-type']).toBeUndefined();
    expect(signatureHolds(plain)).toBe(true);
    expect(decodeLogGroups(plain.body)[0]?.logs).toHaveLength(3);
  });

  it('carries the token of temporary keys', async () => {
    const request = await received({
      credentials: { secretId: 'AKIDEXAMPLE', secretKey: SECRET_KEY, token: 'temporary' },
    });
    expect(request.headers['x-cls-token']).toBe('temporary');
    expect(signatureHolds(request)).toBe(true);
  });

  it('is signed with the keys of the moment', async () => {
    const ids: unknown[] = [];
    const server = await kept(
      httpServer((request, response) => {
        ids.push(/q-ak=([^&]*)/.exec(request.headers.authorization ?? '')?.[1]);
        response.end();
      }),
    );
    const credentials = {
      get secretId() {
        return `AKID${ids.length}`;
      },
      secretKey: SECRET_KEY,
    };
    const sink = sinkTo(server.url, { credentials });
    await send(sink);
    await send(sink);
    expect(ids).toEqual(['AKID0', 'AKID1']);
  });

  it('keeps its bytes while the next batch is encoded', async () => {
    const bodies: number[] = [];
    const server = await kept(
      httpServer((request, response) => {
        bodies.push(decodeLogGroups(request.body)[0]?.logs.length ?? 0);
        response.end();
      }),
    );
    const sink = sinkTo(server.url, { compression: 'none' });
    await Promise.all([1, 500, 2, 700].map((records) => send(sink, batchOf(records))));
    expect(bodies.toSorted((a, b) => a - b)).toEqual([1, 2, 500, 700]);
  });

  it('is not made for a batch without a word to say', async () => {
    const server = await kept(httpServer((_request, response) => response.end()));
    const ledger = createLedger([]);
    ledger.metered.packets = 1;
    let empty = new Uint8Array(0);
    encodeBatches({ header: BATCH_HEADER, cursor: cursorOver([]), ledger }, (encoded) => {
      empty = encoded.slice();
    });
    expect(await send(sinkTo(server.url), empty)).toEqual({ kind: 'accepted' });
    expect(server.connections()).toBe(0);
  });

  it('is not made for a batch that is too large or no batch at all', async () => {
    const server = await kept(httpServer((_request, response) => response.end()));
    expect(await send(sinkTo(server.url), batchOf(10_001))).toMatchObject({ kind: 'too-large' });
    expect(await send(sinkTo(server.url), Uint8Array.of(255, 255))).toMatchObject({ kind: 'poison' });
    expect(server.connections()).toBe(0);
  });
});

describe('an answer of the service', () => {
  it.each(REFUSALS.map((refusal) => [refusal.status, refusal.errorcode, refusal.kind] as const))(
    '%i %s is %s',
    async (status, errorcode, kind) => {
      const server = await kept(
        httpServer((_request, response) => {
          response.writeHead(status, { 'content-type': 'application/json', 'x-cls-requestid': 'r-1' });
          response.end(JSON.stringify({ errorcode, errormessage: 'no' }));
        }),
      );
      const outcome = await send(sinkTo(server.url));
      expect(outcome.kind).toBe(kind);
      expect(reasonOf(outcome)).toContain(errorcode);
      expect(reasonOf(outcome)).toContain('r-1');
    },
  );

  it.each([
    [413, 'too-large'],
    [429, 'retry'],
    [408, 'retry'],
    [502, 'retry'],
    [403, 'retry'],
    [404, 'retry'],
    [200, 'retry'],
  ])('%i as a page of HTML is %s', async (status, kind) => {
    const server = await kept(
      httpServer((_request, response) => {
        response.writeHead(status, { 'content-type': 'text/html' });
        response.end('<html><h1>nginx</h1></html>');
      }),
    );
    const outcome = await send(sinkTo(server.url));
    expect(outcome.kind).toBe(kind);
    expect(reasonOf(outcome)).toContain('text/html');
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ])('is read though a proxy on the way has compressed it as %s', async (coding, compressed) => {
    const server = await kept(
      httpServer((_request, response) => {
        response.writeHead(403, { 'content-encoding': coding });
        response.end(compressed('{"errorcode":"LogSizeExceed","errormessage":"too much"}'));
      }),
    );
    expect(await send(sinkTo(server.url))).toMatchObject({ kind: 'too-large' });
  });

  it('compressed into a bomb, or not compressed as it says, accepts nothing', async () => {
    const bodies = [gzipSync(Buffer.alloc(50_000_000)), Buffer.from('{}')];
    const server = await kept(
      httpServer((_request, response, nth) => {
        response.writeHead(200, { 'content-encoding': nth === 1 ? 'gzip' : 'br' });
        response.end(bodies[nth - 1]);
      }),
    );
    const sink = sinkTo(server.url);
    expect((await send(sink)).kind).toBe('retry');
    expect((await send(sink)).kind).not.toBe('poison');
  });

  it('longer than any of the service accepts nothing, however it begins', async () => {
    const server = await kept(
      httpServer((_request, response) => response.end(`${' '.repeat(70_000)}{"error":"disk full"}`)),
    );
    expect((await send(sinkTo(server.url))).kind).toBe('retry');
  });

  it.each([
    ['hints before it', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', 'accepted'],
    ['a processing note before it', 'HTTP/1.1 102 Processing\r\n\r\n', 'accepted'],
    ['a switch of protocols', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 'retry'],
  ])('with %s is %s', async (_name, interim, kind) => {
    const answer = `${interim}HTTP/1.1 200 OK\r\nx-cls-requestid: r-1\r\nContent-Length: 0\r\n\r\n`;
    const server = await kept(tcpServer((socket) => socket.once('data', () => socket.write(answer))));
    expect((await send(sinkTo(server.url))).kind).toBe(kind);
  });

  it('without a request id accepts only where the configuration allows it', async () => {
    const server = await kept(
      httpServer((_request, response) => {
        response.removeHeader('x-cls-requestid');
        response.end();
      }),
    );
    const refused = await send(sinkTo(server.url));
    expect(refused.kind).toBe('retry');
    expect(reasonOf(refused)).toContain('requestIdRequired');
    expect(await send(sinkTo(server.url, { requestIdRequired: false }))).toEqual({ kind: 'accepted' });
  });

  it('says when to come back', async () => {
    const server = await kept(
      httpServer((_request, response) => {
        response.writeHead(429, { 'retry-after': '17' });
        response.end('{"errorcode":"SpeedQuotaExceed","errormessage":"slow down"}');
      }),
    );
    expect(await send(sinkTo(server.url))).toMatchObject({ kind: 'retry', afterMs: 17_000 });
  });

  it('is not followed when it is a redirect', async () => {
    const elsewhere = await kept(httpServer((_request, response) => response.end()));
    const server = await kept(
      httpServer((_request, response) => {
        response.writeHead(307, { location: elsewhere.url.href });
        response.end();
      }),
    );
    const outcome = await send(sinkTo(server.url));
    expect(outcome.kind).toBe('retry');
    expect(reasonOf(outcome)).toContain('redirect');
    expect(elsewhere.connections()).toBe(0);
  });

  it('never brings a secret into the reason', async () => {
    const server = await kept(
      httpServer((request, response) => {
        response.writeHead(403);
        const errormessage = `key ${SECRET_KEY} token ${request.headers['x-cls-token']}`;
        response.end(JSON.stringify({ errorcode: 'NotAllowed', errormessage }));
      }),
    );
    const credentials = { secretId: 'AKIDEXAMPLE', secretKey: SECRET_KEY, token: 'temporary-token' };
    const reason = reasonOf(await send(sinkTo(server.url, { credentials })));
    expect(reason).toContain('key [secret] token [secret]');
    expect(reason).not.toContain(SECRET_KEY);
  });

  it('leaves words and request ids whole where a credential is a letter', async () => {
    const server = await kept(httpServer((_request, response) => response.end('{"RequestId":"1"}')));
    const credentials = { secretId: 'e', secretKey: 'k' };
    expect((await send(sinkTo(server.url, { credentials, requestIdRequired: false }))).kind).toBe('accepted');
    await server.close();
    expect(reasonOf(await send(sinkTo(server.url, { credentials })))).toMatch(/ECONNREFUSED/);
    expect(reasonOf(await send(sinkTo(server.url, { credentials })))).not.toContain('[secret]');
  });

  it('never brings a part of a secret into the reason, wherever that is cut', async () => {
    const before: string[] = [];
    const server = await kept(
      httpServer((_request, response, nth) => {
        response.writeHead(403, { 'x-cls-requestid': `${'r'.repeat(nth)}${SECRET_KEY}` });
        before.push('x'.repeat(160 + nth));
        response.end(JSON.stringify({ errorcode: 'NotAllowed', errormessage: `${before.at(-1)}${SECRET_KEY}` }));
      }),
    );
    const sink = sinkTo(server.url);
    for (let nth = 1; nth <= 45; nth++) expect(reasonOf(await send(sink))).not.toContain(SECRET_KEY.slice(0, 4));
    expect(before).toHaveLength(45);
  });
});

describe('a clock that is off', () => {
  /** A service whose time is `aheadMs` ahead of ours and which checks it. */
  const timed = (aheadMs: number, requests: Received[], withDate = true) =>
    httpServer((request, response) => {
      requests.push(request);
      const serviceSeconds = (NOW + aheadMs) / 1000;
      const [begin, end] = (/q-sign-time=(\d+);(\d+)/.exec(request.headers.authorization ?? '') ?? [])
        .slice(1)
        .map(Number) as [number, number];
      response.sendDate = false;
      if (withDate) response.setHeader('date', new Date(NOW + aheadMs).toUTCString());
      if (serviceSeconds >= begin && serviceSeconds <= end) return response.end();
      response.statusCode = 401;
      return response.end('{"errorcode":"AuthFailure.SignatureExpire","errormessage":"expired"}');
    });

  it.each([-86_400_000, -600_000, 600_000, 86_400_000])(
    'by %i ms is corrected for signing, at once',
    async (aheadMs) => {
      const requests: Received[] = [];
      const server = await kept(timed(aheadMs, requests));
      const sink = sinkTo(server.url);
      expect(await send(sink)).toEqual({ kind: 'accepted' });
      expect(requests).toHaveLength(2);
      expect(await send(sink)).toEqual({ kind: 'accepted' });
      expect(requests).toHaveLength(3);
      expect(requests.every(signatureHolds)).toBe(true);
      expect(Math.abs(sink.clockAheadMs! - aheadMs)).toBeLessThan(1000);
    },
  );

  it('is learnt anew when ours was put right', async () => {
    let aheadMs = 86_400_000;
    const server = await kept(timed(aheadMs, []));
    const sink = sinkTo(server.url, { nowMs: () => NOW + 86_400_000 - aheadMs });
    expect(await send(sink)).toEqual({ kind: 'accepted' });
    aheadMs = 0;
    expect(await send(sink)).toEqual({ kind: 'accepted' });
  });

  it('cannot be corrected without a Date: the batch waits', async () => {
    const requests: Received[] = [];
    const server = await kept(timed(86_400_000, requests, false));
    expect(await send(sinkTo(server.url))).toMatchObject({ kind: 'retry' });
    expect(requests).toHaveLength(1);
  });

  it('is not blamed twice: a service that refuses its own time is asked again later', async () => {
    let requests = 0;
    const server = await kept(
      httpServer((_request, response) => {
        requests++;
        response.writeHead(401, { date: new Date(NOW + 86_400_000).toUTCString() });
        response.end('{"errorcode":"SignatureExpire"}');
      }),
    );
    const sink = sinkTo(server.url);
    expect(await send(sink)).toMatchObject({ kind: 'retry' });
    expect(requests).toBe(2);
    expect(await send(sink)).toMatchObject({ kind: 'retry' });
    expect(requests).toBe(3);
  });
});

describe('a way to the service that is bad', () => {
  it('refuses the connection', async () => {
    const server = await httpServer(() => {});
    await server.close();
    const outcome = await send(sinkTo(server.url));
    expect(outcome.kind).toBe('retry');
    expect(reasonOf(outcome)).toContain('ECONNREFUSED');
  });

  it('knows no such host', async () => {
    const outcome = await send(sinkTo(new URL('http://flowlogd.invalid')));
    expect(outcome.kind).toBe('retry');
    expect(reasonOf(outcome)).toMatch(
      /^name look-up of flowlogd\.invalid failed: .*(?:ENOTFOUND|EAI_AGAIN|no answer within)/,
    );
  });

  it('resets the connection in the middle of the body', async () => {
    const server = await kept(tcpServer((socket) => socket.once('data', () => socket.resetAndDestroy())));
    const outcome = await send(sinkTo(server.url, { compression: 'none' }), batchOf(10_000));
    expect(outcome.kind).toBe('retry');
    expect(reasonOf(outcome)).toMatch(/ECONNRESET|EPIPE/);
  });

  it('accepts and never answers', async () => {
    const server = await kept(tcpServer((socket) => socket.resume()));
    const outcome = await send(sinkTo(server.url, { timeouts: { ...TIMEOUTS, responseMs: 100 } }));
    expect(outcome).toEqual({ kind: 'retry', reason: `no response from 127.0.0.1:${server.port} within 100 ms` });
  });

  it('never reads what it is sent', async () => {
    const server = await kept(tcpServer((socket) => socket.pause()));
    const timeouts = { ...TIMEOUTS, responseMs: 100 };
    const outcome = await send(sinkTo(server.url, { compression: 'none', timeouts }), batchOf(10_000));
    expect(outcome).toEqual({ kind: 'retry', reason: `no response from 127.0.0.1:${server.port} within 100 ms` });
  });

  it.each([
    ['headers', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['a body shorter than announced', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"errorc'],
    ['a chunked body without its end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel'],
    ['what is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['nothing', ''],
  ])('cuts the answer off: %s', async (_name, answer) => {
    const server = await kept(tcpServer((socket) => socket.once('data', () => socket.end(answer))));
    expect((await send(sinkTo(server.url))).kind).toBe('retry');
  });

  it('drips an answer without end', async () => {
    const server = await kept(
      tcpServer((socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
          const drip = setInterval(() => socket.write('1\r\nx\r\n'), 10);
          socket.once('close', () => clearInterval(drip));
        });
      }),
    );
    const timeouts = { ...TIMEOUTS, totalMs: 150 };
    const outcome = await send(sinkTo(server.url, { timeouts }));
    expect(outcome).toEqual({
      kind: 'retry',
      reason: `no complete response from 127.0.0.1:${server.port} within 150 ms`,
    });
  });

  it('drips headers without end', async () => {
    const server = await kept(
      tcpServer((socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\n');
          const drip = setInterval(() => socket.write('X-Drip: x\r\n'), 10);
          socket.once('close', () => clearInterval(drip));
        });
      }),
    );
    const timeouts = { ...TIMEOUTS, responseMs: 150 };
    expect(await send(sinkTo(server.url, { timeouts }))).toEqual({
      kind: 'retry',
      reason: `no response from 127.0.0.1:${server.port} within 150 ms`,
    });
  });

  it('answers with more bytes than anybody wants', async () => {
    let written = 0;
    const server = await kept(
      httpServer((_request, response) => {
        response.writeHead(500);
        const flood = (): void => {
          while (!response.destroyed && written < 50_000_000) {
            written += 16_384;
            if (!response.write('x'.repeat(16_384))) return void response.once('drain', flood);
          }
        };
        flood();
      }),
    );
    expect((await send(sinkTo(server.url))).kind).toBe('retry');
    expect(written).toBeLessThan(50_000_000);
  });

  it('closes kept connections: the batch goes out again at once, without a retry', async () => {
    const sockets: { destroy(): void }[] = [];
    let requests = 0;
    const server = await kept(
      tcpServer((socket, nth) => {
        sockets.push(socket);
        let body = '';
        socket.on('data', (chunk) => {
          body += chunk.toString('latin1');
          const length = Number(/content-length: (\d+)/i.exec(body)?.[1]);
          const start = body.indexOf('\r\n\r\n') + 4;
          if (start < 4 || body.length < start + length) return;
          body = '';
          requests++;
          // The second request on the first connection meets a server that is just closing it.
          if (nth === 1 && requests === 2) return void socket.destroy();
          socket.write('HTTP/1.1 200 OK\r\nx-cls-requestid: r-1\r\nContent-Length: 0\r\n\r\n');
        });
      }),
    );
    const sink = sinkTo(server.url);
    expect(await send(sink)).toEqual({ kind: 'accepted' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(await send(sink)).toEqual({ kind: 'accepted' });
    expect(requests).toBe(3);
    expect(server.connections()).toBe(2);
  });

  it('keeps connections while the service does', async () => {
    const server = await kept(httpServer((_request, response) => response.end()));
    const sink = sinkTo(server.url);
    for (let n = 0; n < 5; n++) {
      expect(await send(sink)).toEqual({ kind: 'accepted' });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(server.connections()).toBe(1);
  });

  it('is left when the agent stops', async () => {
    const server = await kept(tcpServer((socket) => socket.resume()));
    const abort = new AbortController();
    const sending = send(sinkTo(server.url), BATCH, abort.signal);
    setTimeout(() => abort.abort(), 50);
    expect((await sending).kind).toBe('retry');
    expect((await send(sinkTo(server.url), BATCH, AbortSignal.abort())).kind).toBe('retry');
  });

  it('is not tried with keys that no header can carry', async () => {
    const server = await kept(httpServer((_request, response) => response.end()));
    const credentials = { secretId: 'AKID\nEXAMPLE', secretKey: SECRET_KEY };
    const outcome = await send(sinkTo(server.url, { credentials }));
    expect(outcome.kind).toBe('retry');
    expect(reasonOf(outcome)).toContain('authorization');
    expect(reasonOf(outcome)).not.toContain('AKID');
  });
});

describe('TLS', () => {
  const certificates = makeCertificates();
  if (certificates === undefined) process.stderr.write('skipped: the TLS tests of the CLS sink need openssl\n');

  const secure = async (): Promise<Loopback> => {
    const { cert, key } = certificates as Certificates;
    const listener = readWhole((_request, response) => response.end());
    return kept(served(createHttpsServer({ cert, key }, listener), 'https'));
  };

  it.skipIf(certificates === undefined)('of an unknown authority is refused and nothing is sent', async () => {
    const server = await secure();
    const outcome = await send(sinkTo(server.url));
    expect(outcome.kind).toBe('retry');
    expect(reasonOf(outcome)).toMatch(/self-signed|SELF_SIGNED|UNABLE_TO_VERIFY/);
  });

  it.skipIf(certificates === undefined)('of a known authority is accepted', async () => {
    const server = await secure();
    expect(await send(sinkTo(server.url, { tls: { ca: certificates?.cert } }))).toEqual({ kind: 'accepted' });
  });

  it.skipIf(certificates === undefined)('of another name is refused', async () => {
    const server = await secure();
    const byName = new URL(`https://localhost:${server.port}`);
    const outcome = await send(sinkTo(byName, { tls: { ca: certificates?.cert } }));
    expect(outcome.kind).toBe('retry');
    expect(reasonOf(outcome)).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('that never shakes hands is given up', async () => {
    const server = await kept(tcpServer((socket) => socket.resume()));
    const endpoint = new URL(`https://127.0.0.1:${server.port}`);
    const timeouts = { ...TIMEOUTS, tlsMs: 100 };
    expect(await send(sinkTo(endpoint, { timeouts }))).toEqual({
      kind: 'retry',
      reason: `TLS handshake with 127.0.0.1:${server.port} failed: no answer within 100 ms`,
    });
  });
});

describe('a probe of the service', () => {
  it.each([
    [400, 'MissingContent', { kind: 'accepted' }],
    [401, 'SecretIdNotFound', { kind: 'blocked' }],
    [403, 'LogSizeExceed', { kind: 'blocked' }],
    [500, 'InternalError', { kind: 'retry' }],
  ])('that is answered %i %s means %o', async (status, errorcode, outcome) => {
    const server = await kept(
      httpServer((_request, response) => {
        response.writeHead(status, { 'content-type': 'application/json', 'x-cls-requestid': 'r-1' });
        response.end(JSON.stringify({ errorcode, errormessage: 'no' }));
      }),
    );
    expect(await sinkTo(server.url).probe(new AbortController().signal)).toMatchObject(outcome);
  });
});

interface Certificates {
  readonly cert: string;
  readonly key: string;
}

/** One self-signed certificate for 127.0.0.1; undefined without openssl. */
function makeCertificates(): Certificates | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'flowlogd-tls-'));
  try {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')] as const;
    const request = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
    ];
    const subject = ['-subj', '/CN=flowlogd test', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync('openssl', [...request, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
