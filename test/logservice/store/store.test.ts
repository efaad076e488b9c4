import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ADDED_COLUMNS, FIRST_COLUMNS } from '../../../logservice/model/fields.ts';
import type { StoreError } from '../../../logservice/model/store-error.ts';
import { applyRetention } from '../../../logservice/store/retention.ts';
import { Store } from '../../../logservice/store/store.ts';
import { Writer } from '../../../logservice/store/writer.ts';
import { columnType } from '../../../schema/field.ts';
import { FIELDS as SCHEMA_FIELDS } from '../../../schema/fields.ts';
import {
  call,
  column,
  encodeGroups,
  readKeys,
  removeFolder,
  search,
  startTestService,
  type TestGroup,
  temporaryFolder,
  upload,
} from '../harness.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => removeFolder(folder));

const batch = (contextFlow: string, marker = 'm'): TestGroup => ({ contextFlow, logs: [{ contents: { marker } }] });

test('files that hold a key or logs are for their owner only, and say where the service runs while it does', async () => {
  const service = await startTestService(folder);
  for (const name of ['credentials.json', 'logs.duckdb', 'service.json', 'topics.json']) {
    expect([name, statSync(join(folder, name)).mode & 0o777]).toEqual([name, 0o600]);
  }
  const running = JSON.parse(readFileSync(join(folder, 'service.json'), 'utf8')) as Record<string, unknown>;
  expect(running).toMatchObject({ url: service.url, pid: process.pid, topic: 'flowlog', topics: ['flowlog'] });
  await service.stop();
  expect(existsSync(join(folder, 'service.json'))).toBe(false);
});

test('the key stays the same over restarts', async () => {
  await (await startTestService(folder)).stop();
  const { secretId, secretKey } = readKeys(folder);
  await (await startTestService(folder)).stop();
  expect(readKeys(folder)).toEqual({ secretId, secretKey });
  expect(secretId).toMatch(/^AKID[A-Za-z0-9]{32}$/);
  expect(secretKey).toMatch(/^[A-Za-z0-9]{32}$/);
});

test.each(['', '{}', '{"secretId":"a&b","secretKey":"x"}', 'null'])(
  'a key file of %j is refused, not replaced',
  async (text) => {
    writeFileSync(join(folder, 'credentials.json'), text);
    await expect(startTestService(folder)).rejects.toMatchObject({ kind: 'damaged' });
    expect(readFileSync(join(folder, 'credentials.json'), 'utf8')).toBe(text);
  },
);

test('a batch that came before a restart is a duplicate after it', async () => {
  const first = await startTestService(folder);
  expect((await upload(first, [batch('AB-1'), batch('AB-2')])).status).toBe(200);
  await first.stop();
  const second = await startTestService(folder);
  const replies = [
    await upload(second, [batch('AB-1')]),
    await upload(second, [batch('AB-2'), batch('AB-3')]),
    await upload(second, [batch('AB-4'), batch('AB-4')]),
    await upload(second, [batch('')]),
    await upload(second, [batch('')]),
  ];
  expect(replies.map(({ status, text }) => [status, text])).toEqual(replies.map(() => [200, '']));
  const found = await search(second, 'marker:m');
  expect(column(found, '__PKGID__').toSorted()).toEqual(['AB-1', 'AB-2', 'AB-3', 'AB-4', null, null]);
  const { json } = await call(second.url, '/topics', { keys: second.keys });
  expect(json['topics']).toMatchObject([{ id: 'flowlog', logs: 6, duplicatesDropped: 3 }]);
  await second.stop();
});

test('the same batch in two topics is two batches', async () => {
  const service = await startTestService(folder, { topics: [{ id: 'one' }, { id: 'two' }] });
  await upload(service, [batch('AB-1')], 'one');
  await upload(service, [batch('AB-1')], 'two');
  const counts: number[] = [];
  for (const topic of ['one', 'two']) counts.push((await search(service, '', { topic_id: topic })).rows.length);
  expect(counts).toEqual([1, 1]);
  await service.stop();
});

test('an index that is switched on finds only what is written from then on', async () => {
  const off = await startTestService(folder, { topics: [{ id: 'flowlog', index: false }] });
  await upload(off, [batch('AB-1', 'before')]);
  expect((await search(off, '')).json['errorcode']).toBe('IndexNotExist');
  await off.stop();
  const still = await startTestService(folder);
  expect((await search(still, '')).json['errorcode']).toBe('IndexNotExist');
  await still.stop();
  const on = await startTestService(folder, { topics: [{ id: 'flowlog', index: true }] });
  await upload(on, [batch('AB-2', 'after')]);
  const found = await search(on, '');
  expect(column(found, 'other')).toEqual(['{"marker":"after"}']);
  const { json } = await call(on.url, '/topics', { keys: on.keys });
  expect(json['topics']).toMatchObject([{ logs: 2, notIndexed: 1 }]);
  await on.stop();
});

test('topics stay as they were, and change as a start asks', async () => {
  const first = await startTestService(folder, { topics: [{ id: 'a', closed: true }, { id: 'b' }] });
  await first.stop();
  const second = await startTestService(folder, {
    topics: [{ id: 'a' }, { id: 'b', closed: true }, { id: 'c', index: false }],
  });
  expect(second.topics).toEqual([
    { id: 'a', index: true, closed: true },
    { id: 'b', index: true, closed: true },
    { id: 'c', index: false, closed: false },
  ]);
  await second.stop();
});

test('keys without a column can be named by SQL after a restart, too', async () => {
  const first = await startTestService(folder);
  await upload(first, [batch('AB-1', 'x')]);
  await first.stop();
  const second = await startTestService(folder);
  expect((await search(second, '| select marker')).rows).toEqual([['x']]);
  await second.stop();
});

test('a port that is taken is said so, and leaves the store as usable as it was', async () => {
  const other = temporaryFolder();
  const service = await startTestService(other);
  const port = Number(new URL(service.url).port);
  await expect(startTestService(folder, { port })).rejects.toMatchObject({
    kind: 'in-use',
    message: `Listening on 127.0.0.1:${port} failed: the port is in use by another program; name another with --listen.`,
  });
  await service.stop();
  await (await startTestService(folder)).stop();
  removeFolder(other);
});

test('a file that is no database is refused with what to do about it', async () => {
  writeFileSync(join(folder, 'logs.duckdb'), 'this is no database'.repeat(1000));
  await expect(startTestService(folder)).rejects.toMatchObject({
    kind: 'damaged',
    message: expect.stringContaining('move it away') as string,
  });
});

/** What the first version of the store wrote: four flows and two ledgers, with every number beside the documented rows as text. */
function layFirstStore(): void {
  const database = readFileSync(new URL('stores/store-1.duckdb.gz', import.meta.url));
  writeFileSync(join(folder, 'logs.duckdb'), gunzipSync(database));
}

const STORED_AT = 1_700_000_100_000;
const AGAIN: TestGroup = {
  contextFlow: 'NEW-1',
  logs: [
    {
      time: STORED_AT,
      contents: { 'tcp-flags': '2', 'handshake-rtt': '100', first: '1700000050', last: '1700000050' },
    },
  ],
};

test('the numbers in a store of the first version are numbers, together with those that come since', async () => {
  layFirstStore();
  const service = await startTestService(folder, { retentionMs: 10_000 * DAY_MS });
  try {
    const sums =
      '| select max("handshake-rtt"), sum("tcp-flags"), min(first), max(last), max("window-end") - min("window-start")';
    expect((await search(service, sums)).rows).toEqual([[74, 47, 1_700_000_041, 1_700_000_054, 60]]);
    expect((await search(service, '| select max("ledger-offered-packets")')).rows).toEqual([[74]]);
    expect((await upload(service, [AGAIN])).status).toBe(200);
    expect((await search(service, sums)).rows).toEqual([[100, 49, 1_700_000_041, 1_700_000_054, 60]]);
    expect((await search(service, 'tcp-flags:2 | select count(*)')).rows).toEqual([[2]]);
    expect((await search(service, 'handshake-rtt>9 | select count(*)')).rows).toEqual([[2]]);
    expect((await search(service, 'tcp-flags:* | select count(*)')).rows).toEqual([[5]]);
  } finally {
    await service.stop();
  }
});

test('the batches of a store of the first version are duplicates, and its logs go when they are old', async () => {
  layFirstStore();
  const { store, writer } = await openWriter(() => STORED_AT);
  const old = encodeGroups([batch('OLD-1')]);
  expect(await writer.write(TOPIC, old)).toEqual({ logs: 0, duplicates: 1 });
  const bounds = { retentionMs: 7 * DAY_MS, storeBytesMax: 1024 ** 3 };
  expect(await applyRetention(store, writer, bounds, STORED_AT + 8 * DAY_MS)).toMatchObject({ logsDeleted: 6 });
  await store.close();
});

test('a new store has a column of its type for each field that the list gives one', async () => {
  const { store } = await openWriter(Date.now);
  const rows = await store.rows("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'logs'");
  const own = [...FIRST_COLUMNS].filter(({ name }) => ['package', 'pkg_log_id', 'time', 'other'].includes(name));
  const fields = SCHEMA_FIELDS.filter(({ column }) => column !== undefined);
  const expected = [
    ...own.map(({ name, type }) => [name, type]),
    ...fields.map((field) => [field.name, columnType(field)]),
  ];
  expect(rows.toSorted()).toEqual(expected.toSorted());
  await store.close();
});

test('a store that got its columns in another order takes each value into its own', async () => {
  const instance = await DuckDBInstance.create(join(folder, 'logs.duckdb'));
  const connection = await instance.connect();
  const columns = [...FIRST_COLUMNS, ...ADDED_COLUMNS.toReversed()].map(({ name, type }) => `"${name}" ${type}`);
  await connection.run(`CREATE TABLE logs (${columns.join(', ')})`);
  connection.closeSync();
  instance.closeSync();
  const service = await startTestService(folder);
  await upload(service, [{ contextFlow: 'AB-1', logs: [{ contents: { 'tcp-flags': '27', 'window-end': '60' } }] }]);
  expect((await search(service, '| select "tcp-flags", "window-end", other')).rows).toEqual([[27, 60, null]]);
  await service.stop();
});

test('a store of a newer version is refused as it is', async () => {
  const { store } = await openWriter(Date.now);
  await store.connection.run('ALTER TABLE logs ADD COLUMN "icmp-kind" BIGINT');
  await store.close();
  const error: unknown = await Store.open(folder).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ kind: 'newer', message: expect.stringContaining('(columns icmp-kind)') as string });
  expect((error as StoreError).message).toMatch(/Install that version again, or name another folder with --store\.$/);
  expect((error as StoreError).exitCode).toBe(78);
});

test('requests under way when the service stops are answered', async () => {
  const service = await startTestService(folder);
  const uploads = Array.from({ length: 8 }, (_, index) =>
    upload(service, [batch(`AB-${index}`)]).catch(() => undefined),
  );
  await new Promise((resolve) => setTimeout(resolve, 20));
  await service.stop();
  const answered = (await Promise.all(uploads)).filter((reply) => reply?.status === 200).length;
  const again = await startTestService(folder);
  // Every 200 is on the disk; what was not answered may be, too.
  expect((await search(again, '')).rows.length).toBeGreaterThanOrEqual(answered);
  await again.stop();
});

const DAY_MS = 86_400_000;

async function openWriter(now: () => number): Promise<{ store: Store; writer: Writer }> {
  const store = await Store.open(folder);
  const writer = await Writer.open(store, {
    now,
    onFailure: (error) => {
      throw error;
    },
  });
  return { store, writer };
}

const TOPIC = { id: 'flowlog', index: true, closed: false };

test('logs go by the day they came, not by their own time; the batch is remembered', async () => {
  let now = 1_700_000_000_000;
  const { store, writer } = await openWriter(() => now);
  await writer.write(TOPIC, encodeGroups([{ contextFlow: 'OLD-1', logs: [{ time: 1000, contents: { a: '1' } }] }]));
  now += 6 * DAY_MS;
  await writer.write(TOPIC, encodeGroups([{ contextFlow: 'NEW-1', logs: [{ time: 1000, contents: { a: '2' } }] }]));
  const bounds = { retentionMs: 7 * DAY_MS, storeBytesMax: 1024 ** 3 };
  const reports = [await applyRetention(store, writer, bounds, now)];
  now += 2 * DAY_MS;
  reports.push(await applyRetention(store, writer, bounds, now));
  expect(reports.map(({ logsDeleted }) => logsDeleted)).toEqual([0, 1]);
  expect(await writer.write(TOPIC, encodeGroups([{ contextFlow: 'OLD-1', logs: [{ contents: { a: '3' } }] }]))).toEqual(
    {
      logs: 0,
      duplicates: 1,
    },
  );
  expect(await store.rows('SELECT other FROM logs')).toEqual([['{"a":"2"}']]);
  await store.close();
});

test('logs that came while the clock was far behind do not take those before them along', async () => {
  let now = 1_700_000_000_000;
  const { store, writer } = await openWriter(() => now);
  const write = (name: string) =>
    writer.write(TOPIC, encodeGroups([{ contextFlow: `${name}-1`, logs: [{ contents: { a: name } }] }]));
  const bounds = { retentionMs: 7 * DAY_MS, storeBytesMax: 1024 ** 3 };
  await write('BEFORE');
  now = 60_000;
  await write('MEANWHILE');
  now = 1_700_000_000_000 + DAY_MS;
  await write('AFTER');
  expect(await applyRetention(store, writer, bounds, now)).toMatchObject({ logsDeleted: 0 });
  now += 6.5 * DAY_MS;
  expect(await applyRetention(store, writer, bounds, now)).toMatchObject({ logsDeleted: 2 });
  expect(await store.rows('SELECT other FROM logs')).toEqual([['{"a":"AFTER"}']]);
  await store.close();
});

test.each([
  { what: 'many small logs', logsPerGroup: 2500, valueBytes: 500, rounds: 14 },
  { what: 'few large logs', logsPerGroup: 30, valueBytes: 50_000, rounds: 12 },
])('a store over its size loses its oldest logs and no more: $what', async ({ logsPerGroup, valueBytes, rounds }) => {
  const { store, writer } = await openWriter(Date.now);
  const storeBytesMax = 16 * 1024 ** 2;
  for (let round = 0; round < rounds; round++) {
    // Nothing that could be compressed.
    const x = () => randomBytes(valueBytes).toString('base64');
    const group = (name: string): TestGroup => ({
      contextFlow: `${name}-${round}`,
      logs: Array.from({ length: logsPerGroup }, () => ({ contents: { version: String(round), x: x() } })),
    });
    const written = await writer.write(TOPIC, encodeGroups([group('A'), group('B')]));
    expect(written).toMatchObject({ logs: 2 * logsPerGroup });
    const { storeBytes } = await applyRetention(store, writer, { retentionMs: DAY_MS, storeBytesMax }, Date.now());
    expect(storeBytes).toBeLessThan(1.1 * storeBytesMax);
  }
  const [kept] = await store.rows(
    'SELECT min(version::INT), max(version::INT), count(*), sum(length(x)) FROM (SELECT version, other AS x FROM logs)',
  );
  const [oldest, newest, count, bytes] = kept!.map(Number) as [number, number, number, number];
  expect(oldest).toBeGreaterThan(0);
  expect(newest).toBe(rounds - 1);
  // The oldest package may be cut off, but none after it.
  expect(count).toBeGreaterThan((rounds - 1 - oldest) * 2 * logsPerGroup);
  expect(bytes).toBeGreaterThan(storeBytesMax / 3);
  await store.close();
});

test('a database that is deleted while it is open ends the service, which would store into nothing', async () => {
  const failures: StoreError[] = [];
  const service = await startTestService(folder, { onFailure: (error) => failures.push(error) });
  try {
    removeFolder(folder);
    await expect
      .poll(() => failures.map(({ kind, message }) => [kind, message]))
      .toEqual([['failed', expect.stringMatching(/logs\.duckdb was deleted or replaced .* the log service ends\./)]]);
  } finally {
    await service.stop();
  }
});

test('a database file of a newer DuckDB is newer, not damaged', async () => {
  await (await Store.open(folder)).close();
  const path = join(folder, 'logs.duckdb');
  const file = readFileSync(path);
  file.writeBigUInt64LE(99n, 12);
  file.writeBigUInt64LE(headerChecksum(file), 0);
  writeFileSync(path, file);
  await expect(Store.open(folder)).rejects.toMatchObject({
    kind: 'newer',
    message: expect.stringContaining('number 99'),
  });
});

/** As DuckDB sums up its first block. */
function headerChecksum(file: Buffer): bigint {
  let sum = 5381n;
  for (let at = 8; at < 4096; at += 8) sum ^= BigInt.asUintN(64, file.readBigUInt64LE(at) * 0xbf58476d1ce4e5b9n);
  return sum;
}
