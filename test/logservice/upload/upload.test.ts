import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compress, isCompressionAvailable } from '../../../agent/wire/compression.ts';
import { BODY_BYTES_MAX } from '../../../logservice/upload/compression.ts';
import { LIMITS } from '../../../logservice/upload/log-groups.ts';
import {
  call,
  column,
  encodeGroups,
  PROTOBUF,
  removeFolder,
  search,
  startTestService,
  type TestGroup,
  type TestService,
  temporaryFolder,
  upload,
} from '../harness.ts';

const folder = temporaryFolder();
let service: TestService;
beforeAll(async () => {
  service = await startTestService(folder, {
    topics: [{ id: 'flowlog' }, { id: 'quiet', index: false }, { id: 'shut', closed: true }],
  });
});
afterAll(async () => {
  await service.stop();
  removeFolder(folder);
});

const one = (marker: string): TestGroup => ({ logs: [{ contents: { marker } }] });

function post(body: Uint8Array, more: { headers?: Record<string, string>; topic?: string } = {}) {
  const { headers = PROTOBUF, topic = 'flowlog' } = more;
  return call(service.url, `/structuredlog?topic_id=${topic}`, { method: 'POST', headers, body, keys: service.keys });
}

async function count(marker: string): Promise<number> {
  return (await search(service, `marker:${marker}`, { limit: 10_000 })).rows.length;
}

describe('an upload', () => {
  test('is answered 200 with an empty body and a request id, and can be searched at once', async () => {
    const group: TestGroup = {
      contextFlow: 'ABCDEF0123456789-1',
      source: '192.0.2.1',
      filename: 'flowlogd',
      tags: { region: 'ap-guangzhou' },
      logs: [
        {
          time: 1_700_000_000_123,
          contents: { srcaddr: '10.9.0.1', dstport: '443', bytes: '9007199254740', odd: 'ä' },
        },
      ],
    };
    const reply = await upload(service, [group]);
    expect([reply.status, reply.text]).toEqual([200, '']);
    expect(reply.headers['x-cls-requestid']).toMatch(/^[0-9a-f-]{36}$/);
    const found = await search(service, 'srcaddr:10.9.0.1');
    const values = Object.fromEntries(found.columns.map((name, index) => [name, found.rows[0]?.[index]]));
    expect(values).toMatchObject({
      time: '2023-11-14 22:13:20.123',
      srcaddr: '10.9.0.1',
      dstport: 443,
      bytes: 9_007_199_254_740,
      other: '{"odd":"ä"}',
      __TIMESTAMP__: 1_700_000_000_123,
      __SOURCE__: '192.0.2.1',
      __FILENAME__: 'flowlogd',
      __PKGID__: 'ABCDEF0123456789-1',
      __PKGLOGID__: 0,
      __TAGS__: '{"region":"ap-guangzhou"}',
    });
  });

  test.each([
    [1_700_000_000, 1_700_000_000_000],
    [1_700_000_000_000, 1_700_000_000_000],
    [1_700_000_000_000_000, 1_700_000_000_000],
    [-86_400_000_000_000, -86_400_000_000_000],
  ])('with the time %d is of the millisecond %d', async (time, expected) => {
    const marker = `time${Math.abs(time)}`;
    await upload(service, [{ logs: [{ time, contents: { marker } }] }]);
    const found = await search(service, `marker:${marker}`, { from: -90_000_000_000_000 });
    expect(column(found, '__TIMESTAMP__')).toEqual([expected]);
  });

  test('keeps what a numeric column cannot hold', async () => {
    for (const srcport of ['-', '007', '12345678901234567890', '-0', '', '1.5']) {
      await upload(service, [{ logs: [{ contents: { marker: 'exact', srcport } }] }]);
    }
    await upload(service, [{ logs: [{ contents: { marker: 'exact', srcport: '-7' } }] }]);
    const found = await search(service, 'marker:exact');
    const kept = column(found, 'other').map((text) => (JSON.parse(String(text)) as { srcport?: string }).srcport);
    expect(column(found, 'srcport').map((value, index) => value ?? kept[index])).toEqual(
      expect.arrayContaining([-7, '-', '007', '12345678901234567890', '-0', '', '1.5']),
    );
  });

  test.each(['none', 'lz4', 'deflate', 'zstd'] as const)('compressed with %s is understood', async (compression) => {
    const body = compressBody(compression, encodeGroups([one(`by-${compression}`)]));
    const headers = compression === 'none' ? PROTOBUF : { ...PROTOBUF, 'x-cls-compress-type': compression };
    const reply = await post(body, { headers });
    if (isCompressionAvailable(compression)) {
      expect([reply.status, await count(`by-${compression}`)]).toEqual([200, 1]);
    } else {
      expect([reply.status, reply.json['errorcode']]).toEqual([400, 'InvalidCompressType']);
      expect(reply.json['errormessage']).toContain('zstd');
    }
  });

  test('whose Content-MD5 is that of another body is refused', async () => {
    const body = encodeGroups([one('md5')]);
    const md5 = (bytes: Uint8Array | string) => createHash('md5').update(bytes).digest('hex');
    const good = await post(body, { headers: { ...PROTOBUF, 'content-md5': md5(body) } });
    const bad = await post(body, { headers: { ...PROTOBUF, 'content-md5': md5('another') } });
    expect([good.status, bad.status, bad.json['errorcode']]).toEqual([200, 400, 'InvalidContent']);
  });
});

function compressBody(compression: 'none' | 'lz4' | 'deflate' | 'zstd', body: Uint8Array): Uint8Array {
  return isCompressionAvailable(compression) ? compress(compression, body) : body;
}

describe('an upload is refused', () => {
  const refusals: readonly (readonly [string, () => ReturnType<typeof post>, number, string])[] = [
    ['without topic_id', () => post(encodeGroups([one('x')]), { topic: '' }), 400, 'InvalidParam'],
    ['for an unknown topic', () => post(encodeGroups([one('x')]), { topic: 'nowhere' }), 404, 'TopicNotExist'],
    ['for a closed topic', () => post(encodeGroups([one('x')]), { topic: 'shut' }), 400, 'TopicClosed'],
    ['without a Content-Type', () => post(encodeGroups([one('x')]), { headers: {} }), 400, 'MissingContentType'],
    [
      'with another Content-Type',
      () => post(encodeGroups([one('x')]), { headers: { 'content-type': 'application/json' } }),
      400,
      'InvalidContentType',
    ],
    ['without a body', () => post(new Uint8Array(0)), 400, 'MissingContent'],
    ['without a LogGroup', () => post(deflateRawSync(''), deflated), 400, 'MissingContent'],
    ['when it is no protobuf', () => post(Uint8Array.of(0x0a, 0xff, 0xff)), 400, 'InvalidContent'],
    ['when a required field is missing', () => post(Uint8Array.of(0x0a, 0x02, 0x0a, 0x00)), 400, 'InvalidContent'],
    [
      'with an unknown compression',
      () => post(encodeGroups([one('x')]), { headers: { ...PROTOBUF, 'x-cls-compress-type': 'snappy' } }),
      400,
      'InvalidCompressType',
    ],
    ['when its LZ4 is none', () => post(Uint8Array.of(0xf0), lz4), 400, 'InvalidContent'],
    ['when its LZ4 is a frame', () => post(Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 1, 2, 3), lz4), 400, 'InvalidContent'],
    ['when its deflate is none', () => post(Uint8Array.of(0xff, 0xff), deflated), 400, 'InvalidContent'],
    ['with a group without logs', () => post(encodeGroups([{ logs: [] }])), 400, 'InvalidContent'],
    [
      'with eleven groups',
      () => post(encodeGroups(Array.from({ length: LIMITS.groups + 1 }, () => one('many')))),
      403,
      'LogSizeExceed',
    ],
    [
      'with 10,001 logs in a group',
      () => post(encodeGroups([{ logs: Array.from({ length: 10_001 }, () => ({ contents: { marker: 'many' } })) }])),
      403,
      'LogSizeExceed',
    ],
    [
      'with a value of more than a megabyte, in bytes and not characters',
      () => post(encodeGroups([{ logs: [{ contents: { marker: 'ä'.repeat(LIMITS.valueBytes / 2 + 1) } }] }])),
      403,
      'LogSizeExceed',
    ],
    [
      'with more than five megabytes of values',
      () =>
        post(
          encodeGroups([{ logs: Array.from({ length: 6 }, () => ({ contents: { marker: 'v'.repeat(1_000_000) } })) }]),
        ),
      403,
      'LogSizeExceed',
    ],
    [
      'with a key that begins with _',
      () => post(encodeGroups([{ logs: [{ contents: { _x: '1' } }] }])),
      400,
      'InvalidContent',
    ],
    [
      'with the key of an internal field',
      () => post(encodeGroups([{ logs: [{ contents: { __TOPICID__: '1' } }] }])),
      400,
      'InvalidContent',
    ],
    [
      'with a key that only resembles that of a whole text',
      () => post(encodeGroups([{ logs: [{ contents: { __CONTENT__2: '1' } }] }])),
      400,
      'InvalidContent',
    ],
    ['with an empty key', () => post(encodeGroups([{ logs: [{ contents: { '': '1' } }] }])), 400, 'InvalidContent'],
    [
      'with a time that no calendar has',
      () => post(encodeGroups([{ logs: [{ time: 3e17, contents: {} }] }])),
      400,
      'InvalidContent',
    ],
  ];
  const lz4 = { headers: { ...PROTOBUF, 'x-cls-compress-type': 'lz4' } };
  const deflated = { headers: { ...PROTOBUF, 'x-cls-compress-type': 'deflate' } };

  test.each(refusals)('%s', async (_name, send, status, errorcode) => {
    const reply = await send();
    expect([reply.status, reply.json['errorcode']]).toEqual([status, errorcode]);
    expect(reply.json['errormessage']).toMatch(/\.$/);
    expect(reply.headers['x-cls-requestid']).toMatch(/^[0-9a-f-]{36}$/);
    expect(Number.isNaN(Date.parse(String(reply.headers['date'])))).toBe(false);
  });

  test('when it unpacks to more than 6 MB, however small it is', async () => {
    const zeros = new Uint8Array(BODY_BYTES_MAX + 1);
    const bombs = [
      await post(deflateRawSync(zeros), deflated),
      // 2 literals, then matches without end: 255 bytes more for each byte of length.
      await post(Uint8Array.of(0x2f, 0, 0, 1, 0, ...new Uint8Array(40_000).fill(255), 0, 0x10, 0), lz4),
    ];
    expect(bombs.map(({ status, json }) => [status, json['errorcode']])).toEqual([
      [403, 'LogSizeExceed'],
      [403, 'LogSizeExceed'],
    ]);
  });

  test('and leaves nothing behind of its good groups', async () => {
    const reply = await upload(service, [one('half'), { logs: [{ contents: { _bad: '1' } }] }]);
    expect([reply.status, await count('half')]).toEqual([400, 0]);
  });
});

test('the log of the official SDKs is stored, and found by its text', async () => {
  const contents = { hello: 'sdk', __CONTENT__: 'from Shenzhen|hello world' };
  const { status } = await upload(service, [{ logs: [{ contents }] }]);
  expect(status).toBe(200);
  const found = await search(service, '__CONTENT__:shenzhen|select hello, __CONTENT__');
  expect(found.rows).toEqual([['sdk', 'from Shenzhen|hello world']]);
});

test('the most that the limits allow is taken', async () => {
  const logs = Array.from({ length: 10_000 }, (_, index) => ({ contents: { marker: 'full', packets: String(index) } }));
  expect((await upload(service, [{ logs }])).status).toBe(200);
  const found = await search(service, 'marker:full | select count(*) as n, sum(packets) as total');
  expect(found.rows).toEqual([[10_000, 49_995_000]]);
});

test('many uploads at the same time are all kept, each once', async () => {
  const replies = await Promise.all(
    Array.from({ length: 60 }, (_, index) =>
      // Each batch comes twice, as after a timeout.
      upload(service, [
        { contextFlow: `C0FFEE-${index >> 1}`, logs: [{ contents: { marker: 'crowd', packets: String(index >> 1) } }] },
      ]),
    ),
  );
  const busy = replies.filter(({ status }) => status === 429).length;
  expect(replies.filter(({ status }) => status !== 200 && status !== 429)).toEqual([]);
  const found = await search(service, 'marker:crowd | select packets, count(*) as n group by packets having n > 1');
  expect(found.rows).toEqual([]);
  if (busy === 0) expect(await count('crowd')).toBe(30);
});

test('a topic without an index stores its logs, and says why it does not find them', async () => {
  expect((await upload(service, [one('hidden')], 'quiet')).status).toBe(200);
  const { status, json } = await search(service, 'marker:hidden', { topic_id: 'quiet' });
  expect([status, json['errorcode']]).toEqual([404, 'IndexNotExist']);
  expect(json['errormessage']).toContain('--topic quiet,index=on');
  const { json: listed } = await call(service.url, '/topics', { keys: service.keys });
  expect(listed['topics']).toEqual(
    expect.arrayContaining([expect.objectContaining({ id: 'quiet', index: false, logs: 1, notIndexed: 1 })]),
  );
});
