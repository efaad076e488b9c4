/**
 * Requests that no client sends by mistake alone, over raw sockets: each gets a clear answer or a closed connection, none leaves
 * anything behind. They run at once, as those of an attacker do.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HTTP_LIMITS } from '../../../logservice/http/http-server.ts';
import {
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
beforeAll(async () => {
  const httpLimits = { ...HTTP_LIMITS, headersTimeoutMs: 1000, requestTimeoutMs: 2000, connectionsPerPeerMax: 200 };
  service = await startTestService(folder, { httpLimits });
});
afterAll(async () => {
  await service.stop();
  removeFolder(folder);
});

type Bytes = string | Uint8Array;
interface Row {
  readonly what: string;
  readonly sent: () => Bytes | readonly Bytes[];
  /** Status and code of the answer, or `closed`. */
  readonly answer: string;
}

const HOST = 'host: x\r\n';
const get = (target: string, headers = HOST): string => `GET ${target} HTTP/1.1\r\n${headers}\r\n`;
const post = (headers: string, body = ''): string => `POST /nowhere HTTP/1.1\r\n${HOST}${headers}\r\n${body}`;

interface Signed {
  readonly target?: string;
  readonly signedTarget?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signedHeaders?: readonly string[];
  readonly body?: Bytes;
  readonly seconds?: number;
  readonly nowSeconds?: number;
  readonly secretKey?: string;
}

/** A request with a valid signature, but for what the row makes of it. */
function signed(request: Signed): readonly Bytes[] {
  const { target = UPLOAD, signedTarget = target, headers = PROTOBUF, body = BODY, ...more } = request;
  const keys = { ...service.keys, ...(request.secretKey === undefined ? {} : { secretKey: request.secretKey }) };
  const all = { host: 'x', ...headers };
  const authorization = sign('POST', new URL(signedTarget, 'http://x'), all, { ...more, keys });
  const lines = Object.entries({ ...all, authorization, 'content-length': String(Buffer.byteLength(body)) });
  return [`POST ${target} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`, body];
}

const UPLOAD = '/structuredlog?topic_id=flowlog';
const BODY = encodeGroups([{ logs: [{ contents: { marker: 'malformed' } }] }]);
const body = (bytes: Uint8Array, headers: Readonly<Record<string, string>> = {}): (() => readonly Bytes[]) => {
  return () => signed({ body: bytes, headers: { ...PROTOBUF, ...headers } });
};
const compressed = (type: string, bytes: Uint8Array) => body(bytes, { 'x-cls-compress-type': type });
const contents = (record: Readonly<Record<string, string>>) => body(encodeGroups([{ logs: [{ contents: record }] }]));
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** A search whose digest is of `digestOf`. */
function asked(text: Bytes, { digestOf = text, ...more }: { readonly digestOf?: Bytes } & Signed = {}) {
  const digest = createHash('sha256').update(digestOf).digest('hex');
  const headers = { 'content-type': 'application/json', 'x-cls-content-sha256': digest };
  return signed({ target: '/search', headers, signedHeaders: ['x-cls-content-sha256'], body: text, ...more });
}
const EVERYTHING = '{"topic_id":"flowlog","query":"*"}';
const NOW = Math.floor(Date.now() / 1000);

const PARSER = '400 InvalidParam';
const ROWS: readonly Row[] = [
  { what: 'no HTTP', sent: () => 'HELLO\r\n\r\n', answer: PARSER },
  { what: 'TLS', sent: () => bytes(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3), answer: PARSER },
  { what: 'HTTP/2', sent: () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', answer: PARSER },
  { what: 'HTTP/0.9', sent: () => 'GET /health\r\n\r\n', answer: PARSER },
  { what: 'a version of 2.0', sent: () => `GET /health HTTP/2.0\r\n${HOST}\r\n`, answer: PARSER },
  { what: 'a version of 1.9', sent: () => `GET /health HTTP/1.9\r\n${HOST}\r\n`, answer: PARSER },
  { what: 'no target', sent: () => `GET  HTTP/1.1\r\n${HOST}\r\n`, answer: PARSER },
  { what: 'NUL in the target', sent: () => get('/hea\0lth'), answer: PARSER },
  { what: 'a space in the target', sent: () => get('/hea lth'), answer: PARSER },
  { what: 'a target in Latin-1', sent: () => Buffer.from(get('/h\u00e9alth'), 'latin1'), answer: PARSER },
  { what: 'a target of 20 kB', sent: () => get(`/${'x'.repeat(20_000)}`), answer: PARSER },
  { what: 'a target of another host', sent: () => get('http://service/health'), answer: PARSER },
  { what: 'a target with dots', sent: () => get('/x/../health'), answer: PARSER },
  { what: 'a target with encoded dots', sent: () => get('/%2e%2e/health'), answer: PARSER },
  { what: 'a target with a backslash', sent: () => get('/\\health'), answer: PARSER },
  { what: 'a target with a fragment', sent: () => get('/health#x'), answer: PARSER },
  { what: 'a target with two slashes', sent: () => get('//health'), answer: '405 NotSupported' },
  { what: 'a target with an encoded slash', sent: () => get('/%2fhealth'), answer: '405 NotSupported' },
  { what: 'an asterisk', sent: () => `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, answer: PARSER },
  { what: 'a tunnel', sent: () => `CONNECT x:80 HTTP/1.1\r\n${HOST}\r\n`, answer: 'closed' },
  { what: 'TRACE', sent: () => `TRACE /health HTTP/1.1\r\n${HOST}\r\n`, answer: '405 NotSupported' },
  { what: 'an unknown method', sent: () => `FROB /health HTTP/1.1\r\n${HOST}\r\n`, answer: PARSER },
  {
    what: 'another protocol',
    sent: () => get('/x', `${HOST}connection: upgrade\r\nupgrade: h2c\r\n`),
    answer: '405 NotSupported',
  },
  { what: 'an expectation', sent: () => post('expect: 200-maybe\r\n'), answer: PARSER },

  { what: 'NUL in a header', sent: () => get('/health', `${HOST}x: a\0b\r\n`), answer: PARSER },
  { what: 'a bare CR in a header', sent: () => get('/health', `${HOST}x: a\rb: c\r\n`), answer: PARSER },
  { what: 'a header without colon', sent: () => get('/health', `${HOST}nothing\r\n`), answer: PARSER },
  { what: 'a space before the colon', sent: () => get('/health', `${HOST}x : y\r\n`), answer: PARSER },
  { what: 'a header that begins with a space', sent: () => get('/health', ` x: y\r\n${HOST}`), answer: PARSER },
  { what: 'no host', sent: () => get('/health', 'x: y\r\n'), answer: PARSER },
  { what: 'two hosts', sent: () => get('/health', `${HOST}Host: y\r\n`), answer: PARSER },
  { what: 'a header of 100 kB', sent: () => get('/health', `${HOST}x: ${'y'.repeat(100_000)}\r\n`), answer: PARSER },
  { what: '5,000 headers', sent: () => get('/health', HOST + 'x: y\r\n'.repeat(5000)), answer: PARSER },
  { what: '200 headers', sent: () => get('/health', HOST + 'x: y\r\n'.repeat(200)), answer: PARSER },

  {
    what: 'a length and chunks',
    sent: () => post('content-length: 5\r\ntransfer-encoding: chunked\r\n', '0\r\n\r\n'),
    answer: PARSER,
  },
  {
    what: 'chunks and a length',
    sent: () => post('transfer-encoding: chunked\r\ncontent-length: 5\r\n', '0\r\n\r\n'),
    answer: PARSER,
  },
  { what: 'two lengths', sent: () => post('content-length: 1\r\ncontent-length: 2\r\n', 'xx'), answer: PARSER },
  { what: 'a list of lengths', sent: () => post('content-length: 1, 1\r\n', 'x'), answer: PARSER },
  { what: 'a negative length', sent: () => post('content-length: -1\r\n'), answer: PARSER },
  { what: 'a length with a sign', sent: () => post('content-length: +1\r\n', 'x'), answer: PARSER },
  { what: 'a length beyond 64 bits', sent: () => post(`content-length: ${'9'.repeat(30)}\r\n`), answer: PARSER },
  { what: 'a length of text', sent: () => post('content-length: long\r\n'), answer: PARSER },
  { what: 'chunks of gzip', sent: () => post('transfer-encoding: gzip, chunked\r\n', '0\r\n\r\n'), answer: PARSER },
  { what: 'an unknown coding', sent: () => post('transfer-encoding: xchunked\r\n', '0\r\n\r\n'), answer: PARSER },
  {
    what: 'two codings',
    sent: () => post('transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n', '0\r\n\r\n'),
    answer: PARSER,
  },
  { what: 'a chunk that is no number', sent: () => chunked('zz\r\n'), answer: PARSER },
  { what: 'a chunk beyond 64 bits', sent: () => chunked(`${'f'.repeat(30)}\r\n`), answer: PARSER },
  { what: 'a chunk with a sign', sent: () => chunked('-1\r\n'), answer: PARSER },
  { what: 'a chunk that is longer than it says', sent: () => chunked('1\r\nxx\r\n0\r\n\r\n'), answer: PARSER },
  { what: 'a chunk with 100 kB of extensions', sent: () => chunked(`1;${'x'.repeat(100_000)}\r\n`), answer: PARSER },
  { what: '100 kB of trailers', sent: () => chunked(`0\r\n${'x: y\r\n'.repeat(20_000)}\r\n`), answer: PARSER },
  { what: 'a body that ends too early', sent: () => chunked('5\r\nxx'), answer: '408 RequestTimeout' },
  { what: 'nothing at all', sent: () => '', answer: '408 RequestTimeout' },
  { what: 'headers that never end', sent: () => 'GET /health HTTP/1.1\r\nx: y\r\n', answer: '408 RequestTimeout' },

  { what: 'no signature', sent: () => `POST ${UPLOAD} HTTP/1.1\r\n${HOST}\r\n`, answer: '400 MissingAuthorization' },
  {
    what: 'a password',
    sent: () => `POST ${UPLOAD} HTTP/1.1\r\n${HOST}authorization: Basic eDp4\r\n\r\n`,
    answer: '400 InvalidAuthorization',
  },
  {
    what: 'two signatures',
    sent: () => `POST ${UPLOAD} HTTP/1.1\r\n${HOST}authorization: a\r\nauthorization: b\r\n\r\n`,
    answer: PARSER,
  },
  {
    what: 'a signature of &',
    sent: () => `POST ${UPLOAD} HTTP/1.1\r\n${HOST}authorization: ${'&'.repeat(8000)}\r\n\r\n`,
    answer: '400 InvalidAuthorization',
  },
  {
    what: 'a signature with another key',
    sent: () => signed({ secretKey: 'another' }),
    answer: '401 AuthFailure.SignatureFailure',
  },
  {
    what: 'a signature of another path',
    sent: () => signed({ signedTarget: '/topics?topic_id=flowlog' }),
    answer: '401 AuthFailure.SignatureFailure',
  },
  {
    what: 'a signature of yesterday',
    sent: () => signed({ nowSeconds: NOW - 86_400 }),
    answer: '401 AuthFailure.SignatureExpire',
  },
  {
    what: 'a parameter that comes twice',
    sent: () => signed({ target: `/structuredlog?topic_id=b&topic_id=flowlog`, signedTarget: UPLOAD }),
    answer: PARSER,
  },
  {
    what: 'a parameter in capital letters, too',
    sent: () =>
      signed({ target: `/structuredlog?topic_id=flowlog&Topic_Id=b`, signedTarget: '/structuredlog?topic_id=b' }),
    answer: PARSER,
  },

  { what: 'no type', sent: () => signed({ headers: {} }), answer: '400 MissingContentType' },
  {
    what: 'another type',
    sent: () => signed({ headers: { 'content-type': 'text/html' } }),
    answer: '400 InvalidContentType',
  },
  { what: 'gzip', sent: body(BODY, { 'content-encoding': 'gzip' }), answer: '400 InvalidCompressType' },
  { what: 'an unknown compression', sent: compressed('rar', BODY), answer: '400 InvalidCompressType' },
  { what: 'a wrong digest', sent: body(BODY, { 'content-md5': '0'.repeat(32) }), answer: '400 InvalidContent' },
  { what: 'an empty body', sent: body(bytes()), answer: '400 MissingContent' },
  { what: 'no topic', sent: () => signed({ target: '/structuredlog' }), answer: '400 InvalidParam' },
  {
    what: 'a topic with NUL',
    sent: () => signed({ target: '/structuredlog?topic_id=%00' }),
    answer: '404 TopicNotExist',
  },
  {
    what: 'a topic with dots',
    sent: () => signed({ target: '/structuredlog?topic_id=../../etc' }),
    answer: '404 TopicNotExist',
  },
  { what: 'a log that is cut off', sent: body(BODY.subarray(0, -3)), answer: '400 InvalidContent' },
  { what: 'a length of 4 GB', sent: body(bytes(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f)), answer: '400 InvalidContent' },
  {
    what: 'a number without end',
    sent: body(bytes(0x0a, ...Array<number>(30).fill(0xff))),
    answer: '400 InvalidContent',
  },
  { what: 'an unknown wire type', sent: body(bytes(0x0f, 0)), answer: '400 InvalidContent' },
  { what: 'fields in fields', sent: body(new Uint8Array(1_000_000).fill(0x1b)), answer: '400 InvalidContent' },
  { what: 'a group without logs', sent: body(bytes(0x0a, 0)), answer: '400 InvalidContent' },
  {
    what: 'eleven groups',
    sent: body(encodeGroups(Array(11).fill({ logs: [{ contents: { a: 'b' } }] }))),
    answer: '403 LogSizeExceed',
  },
  { what: 'an internal key', sent: contents({ __TAG__: 'x' }), answer: '400 InvalidContent' },
  { what: 'an empty key', sent: contents({ '': 'x' }), answer: '400 InvalidContent' },
  { what: 'a value of 2 MB', sent: contents({ a: 'x'.repeat(2 << 20) }), answer: '403 LogSizeExceed' },
  {
    what: 'a bomb of LZ4',
    sent: compressed('lz4', Buffer.concat([bytes(0x1f, 0x78, 1, 0), Buffer.alloc(60_000, 0xff), bytes(0, 0x10, 0x78)])),
    answer: '403 LogSizeExceed',
  },
  {
    what: 'a bomb of deflate',
    sent: compressed('deflate', deflateRawSync(new Uint8Array(100 << 20))),
    answer: '403 LogSizeExceed',
  },
  {
    what: 'LZ4 that points before its begin',
    sent: compressed('lz4', bytes(0x10, 0x78, 0xff, 0xff, 0x50, 1, 2, 3, 4, 5)),
    answer: '400 InvalidContent',
  },
  { what: 'LZ4 that is none', sent: compressed('lz4', bytes(0xff, 0xff)), answer: '400 InvalidContent' },
  {
    what: 'deflate that is cut off',
    sent: compressed('deflate', deflateRawSync(BODY).subarray(0, 9)),
    answer: '400 InvalidContent',
  },

  {
    what: 'a search without digest',
    sent: () => signed({ target: '/search', body: EVERYTHING }),
    answer: '400 InvalidAuthorization',
  },
  { what: 'a search of another body', sent: () => asked(EVERYTHING, { digestOf: '{}' }), answer: '400 InvalidContent' },
  {
    what: 'a search whose digest is not signed',
    sent: () => asked(EVERYTHING, { signedHeaders: [] }),
    answer: '400 InvalidAuthorization',
  },
  {
    what: 'a search that is signed for a day',
    sent: () => asked(EVERYTHING, { seconds: 86_400 }),
    answer: '400 InvalidAuthorization',
  },
  { what: 'a search that is no JSON', sent: () => asked('{"topic_id"'), answer: PARSER },
  { what: 'a search of nested lists', sent: () => asked('['.repeat(60_000)), answer: PARSER },
  { what: 'a search of 65 kB', sent: () => asked(`"${'x'.repeat(65 * 1024)}"`), answer: PARSER },
  {
    what: 'a search in Latin-1',
    sent: () => asked(Buffer.from('{"topic_id":"flowlog","query":"\u00e9"}', 'latin1')),
    answer: PARSER,
  },
  {
    what: 'a search of a condition without end',
    sent: () => asked(JSON.stringify({ topic_id: 'flowlog', query: '('.repeat(5000) })),
    answer: '400 SyntaxError',
  },
];

function chunked(text: string): string {
  const options = { keys: service.keys, signedHeaders: [], signedParameters: [] };
  const authorization = sign('POST', new URL(UPLOAD, 'http://x'), {}, options);
  const headers = `${HOST}content-type: application/x-protobuf\r\nauthorization: ${authorization}\r\n`;
  return `POST ${UPLOAD} HTTP/1.1\r\n${headers}transfer-encoding: chunked\r\n\r\n${text}`;
}

/** `status errorcode` of the first answer, when the service has closed the connection or answered whole. */
async function answerTo(sent: Bytes | readonly Bytes[]): Promise<string> {
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
  let text = '';
  socket.on('error', () => undefined);
  for (const part of typeof sent === 'string' || sent instanceof Uint8Array ? [sent] : sent) socket.write(part);
  const closed = once(socket, 'close');
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (/\r\n\r\n\{.*\}$/s.test(text)) socket.destroy();
  });
  await closed;
  const [, status, errorcode] =
    /^HTTP\/1\.1 (\d{3}) .*\r\nx-cls-requestid: [0-9a-f-]{36}\r\n.*"errorcode":"(.*?)"/s.exec(text) ?? [];
  return status === undefined ? text || 'closed' : `${status} ${errorcode}`;
}

test(`${ROWS.length} malformed requests are each refused for what they are, and leave nothing behind`, async () => {
  expect(ROWS.length).toBeGreaterThanOrEqual(60);
  const answers = await Promise.all(ROWS.map(async ({ what, sent }) => `${what}: ${await answerTo(sent())}`));
  expect(answers).toEqual(ROWS.map(({ what, answer }) => `${what}: ${answer}`));
  expect((await upload(service, [{ logs: [{ contents: { marker: 'right' } }] }])).status).toBe(200);
  const found = await search(service, '| select marker');
  expect(found.rows).toEqual([['right']]);
  expect(service.lines).toEqual([]);
});
