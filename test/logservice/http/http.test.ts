import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HTTP_LIMITS } from '../../../logservice/http/http-server.ts';
import { WIRE_BYTES_MAX } from '../../../logservice/http/request-body.ts';
import {
  call,
  encodeGroups,
  PROTOBUF,
  removeFolder,
  search,
  sign,
  startTestService,
  type TestService,
  temporaryFolder,
  upload,
} from '../harness.ts';

const folder = temporaryFolder();
let service: TestService;
let nowMs: number | undefined;
beforeAll(async () => {
  service = await startTestService(folder, {
    now: () => nowMs ?? Date.now(),
    httpLimits: { ...HTTP_LIMITS, headersTimeoutMs: 1000, requestTimeoutMs: 3000, idleTimeoutMs: 5000 },
  });
});
afterAll(async () => {
  await service.stop();
  removeFolder(folder);
});

const BODY = encodeGroups([{ logs: [{ contents: { marker: 'http' } }] }]);
const PATH = '/structuredlog?topic_id=flowlog';
const post = (more: Parameters<typeof call>[2]) =>
  call(service.url, PATH, { method: 'POST', headers: PROTOBUF, body: BODY, keys: service.keys, ...more });

describe('a signature', () => {
  test.each([
    ['nothing but method and path', [], []],
    ['the parameters', ['topic_id'], []],
    ['the host', [], ['host']],
    ['all there is', ['topic_id'], ['content-type', 'host', 'x-cls-compress-type', 'x-cls-token']],
  ])('may cover %s', async (_what, signedParameters, signedHeaders) => {
    const headers = { ...PROTOBUF, 'x-cls-token': "o'dd/ (value)*" };
    expect((await post({ headers, signedParameters, signedHeaders })).status).toBe(200);
  });

  test('is needed, must be right, of this service, and of this time', async () => {
    const replies = [
      await post({ keys: undefined }),
      await post({ headers: { ...PROTOBUF, authorization: 'Basic x' }, keys: undefined }),
      await post({ keys: { ...service.keys, secretKey: 'another' } }),
      await post({ keys: { ...service.keys, secretId: 'another' } }),
      await post({ nowSeconds: Math.floor(Date.now() / 1000) - 3600 }),
      await post({ nowSeconds: Math.floor(Date.now() / 1000) + 3600 }),
    ];
    expect(replies.map(({ status, json }) => `${status} ${String(json['errorcode'])}`)).toEqual([
      '400 MissingAuthorization',
      '400 InvalidAuthorization',
      '401 AuthFailure.SignatureFailure',
      '401 AuthFailure.SecretIdNotFound',
      '401 AuthFailure.SignatureExpire',
      '401 AuthFailure.SignatureExpire',
    ]);
    for (const { headers } of replies) expect(headers['x-cls-requestid']).toBeTypeOf('string');
  });

  test('expires by the service’s clock, which the Date header tells', async () => {
    nowMs = Date.now() + 3_600_000;
    const late = await post({});
    const told = Date.parse(String(late.headers['date']));
    const mended = await post({ nowSeconds: Math.floor(told / 1000) });
    nowMs = undefined;
    expect([late.json['errorcode'], mended.status]).toEqual(['AuthFailure.SignatureExpire', 200]);
  });
});

test.each([
  ['GET', '/structuredlog?topic_id=flowlog'],
  ['PUT', '/search'],
  ['GET', '/'],
  ['GET', '/structuredlog/'],
  ['DELETE', '/topics'],
])('%s %s is nothing that the service does', async (method, path) => {
  const { status, json, headers } = await call(service.url, path, { method, keys: service.keys });
  expect([status, json['errorcode']]).toEqual([405, 'NotSupported']);
  expect(headers['x-cls-requestid']).toBeTypeOf('string');
});

/** An upload whose body the test writes itself. */
function openUpload(headers: Readonly<Record<string, string>>, signed = true) {
  let answer: (reply: { status: number; json: Record<string, unknown> }) => void;
  const answered = new Promise<{ status: number; json: Record<string, unknown> }>((resolve) => {
    answer = resolve;
  });
  // A signature that covers neither headers nor parameters fits any upload.
  const options = { keys: service.keys, signedHeaders: [], signedParameters: [] };
  const authorization = sign('POST', new URL(PATH, service.url), {}, options);
  const sent = request(new URL(PATH, service.url), {
    method: 'POST',
    agent: false,
    headers: { ...PROTOBUF, ...headers, ...(signed ? { authorization } : {}) },
  });
  sent.on('error', () => undefined);
  sent.on('response', (response) => {
    let text = '';
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    response.on('end', () => answer({ status: response.statusCode ?? 0, json: JSON.parse(text || '{}') as never }));
  });
  return { sent, answered };
}

describe('a body', () => {
  test('that announces more than is taken is refused before it is sent', async () => {
    const { sent, answered } = openUpload({ 'content-length': String(WIRE_BYTES_MAX + 1) });
    sent.flushHeaders();
    expect(await answered).toMatchObject({ status: 403, json: { errorcode: 'LogSizeExceed' } });
    sent.destroy();
  });

  test('that never ends is cut off, and no more of it is held than is taken', async () => {
    const { sent, answered } = openUpload({ 'transfer-encoding': 'chunked' });
    const chunk = Buffer.alloc(1 << 20);
    let written = 0;
    let closed = false;
    sent.once('close', () => {
      closed = true;
    });
    while (!closed && written < 200) {
      written += 1;
      sent.write(chunk);
      await sleep(2);
    }
    expect(await answered).toMatchObject({ status: 403, json: { errorcode: 'LogSizeExceed' } });
    expect(written).toBeLessThan(60);
    sent.destroy();
  });

  test('of an upload without a signature is not read', async () => {
    const { sent, answered } = openUpload({ 'content-length': '1000000' }, false);
    sent.flushHeaders();
    expect(await answered).toMatchObject({ status: 400, json: { errorcode: 'MissingAuthorization' } });
    sent.destroy();
  });

  test('that comes too slowly is answered 408', async () => {
    const { sent, answered } = openUpload({ 'content-length': '1000' });
    sent.write('slow');
    expect(await answered).toMatchObject({ status: 408, json: { errorcode: 'RequestTimeout' } });
    sent.destroy();
  });

  test('that breaks off is forgotten', async () => {
    for (let index = 0; index < 20; index++) {
      const { sent } = openUpload({ 'content-length': '100000' });
      sent.write('broken');
      await sleep(5);
      sent.destroy();
    }
    await sleep(50);
    expect((await post({})).status).toBe(200);
    expect(service.lines).toEqual([]);
  });
});

test('more than twelve uploads at a time through the port are told to come later, while the socket takes its own', async () => {
  const slow = Array.from({ length: 12 }, () => {
    const opened = openUpload({ 'content-length': String(BODY.length) });
    opened.sent.flushHeaders();
    return opened;
  });
  // They are admitted as their headers arrive.
  let busy = await post({});
  while (busy.status === 200) busy = await post({});
  expect([busy.status, busy.json['errorcode']]).toEqual([429, 'SpeedQuotaExceed']);
  expect((await post({ socketPath: service.socketPath })).status).toBe(200);
  for (const { sent } of slow) sent.end(BODY);
  const statuses = await Promise.all(slow.map(async ({ answered }) => (await answered).status));
  expect(statuses).toEqual(statuses.map(() => 200));
  expect((await post({})).status).toBe(200);
});

async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(socket, 'close');
  return text;
}

test.each([
  ['what is no HTTP', 'HELLO\r\n\r\n', 400],
  ['headers without end', `GET / HTTP/1.1\r\n${'x: y\r\n'.repeat(10)}`, 408],
  ['more headers than are taken', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, 400],
])('%s is answered with a request id, too', async (_what, text, status) => {
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
  socket.write(text);
  const answer = await readAll(socket);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(answer).toMatch(/\r\nx-cls-requestid: [0-9a-f-]{36}\r\n/);
});

test('one connection takes one request after the other', async () => {
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
  socket.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\nGET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  const answer = await readAll(socket);
  expect(answer.split('HTTP/1.1 200 OK')).toHaveLength(3);
});

test('nothing above made the service complain, and it still works', async () => {
  expect((await upload(service, [{ logs: [{ contents: { marker: 'last' } }] }])).status).toBe(200);
  expect((await search(service, 'marker:last')).rows).toHaveLength(1);
  expect(service.lines).toEqual([]);
});
