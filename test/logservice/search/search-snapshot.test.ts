import { resolve } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SearchResult } from '../../../logservice/search/search-request.ts';
import { Searches } from '../../../logservice/search/searches.ts';
import { ReadGate } from '../../../logservice/store/read-gate.ts';
import { applyRetention } from '../../../logservice/store/retention.ts';
import { Store } from '../../../logservice/store/store.ts';
import { Writer } from '../../../logservice/store/writer.ts';
import { encodeGroups, removeFolder, temporaryFolder } from '../harness.ts';

const TOPIC = { id: 'flowlog', index: true, closed: false };
const LOGS = 400;

let folder: string;
let store: Store;
let writer: Writer;
let searches: Searches;

beforeEach(async () => {
  folder = temporaryFolder();
  store = await Store.open(folder);
  writer = await Writer.open(store, { now: Date.now, onFailure: (error) => expect.fail(error.message) });
  searches = new Searches({
    storePath: store.path,
    gate: store.gate,
    prepare: async () => undefined,
    exclusive: (work) => writer.exclusive(work),
    worker: resolve('dist/logservice/search/search-worker.js'),
  });
});
afterEach(async () => {
  await searches.stop();
  await store.close();
  removeFolder(folder);
});

async function upload(round: number): Promise<void> {
  const logs = Array.from({ length: LOGS }, (_, index) => ({
    time: 1_700_000_000_000 + round,
    contents: {
      srcaddr: `10.0.${round % 200}.${index % 250}`,
      bytes: String(round),
      packets: '1',
      text: 'x'.repeat(index % 90),
    },
  }));
  const written = await writer.write(TOPIC, encodeGroups([{ contextFlow: `F-${round}`, logs }]));
  expect(written).toMatchObject({ logs: LOGS });
}

async function rounds(): Promise<number[]> {
  const answer = await searches.run({
    topic: TOPIC,
    query: '| select bytes, count(*), sum(packets), sum(length(text)) group by bytes order by bytes',
    exclude: '',
    fromMs: 0,
    toMs: Date.now(),
    limit: 10_000,
    otherKeys: ['text'],
    signal: new AbortController().signal,
  });
  const { rows } = answer as SearchResult;
  const whole = Array.from({ length: LOGS }, (_, index) => index % 90).reduce((sum, length) => sum + length, 0);
  for (const [, ...sums] of rows) expect(sums).toEqual([LOGS, LOGS, whole]);
  return rows.map(([round]) => Number(round));
}

test('a search sees every upload that was answered before it, whole, while uploads, deletions and checkpoints go on', async () => {
  let answered = 0;
  let deletedUpTo = 0;
  let writing = true;
  const search = async (): Promise<number> => {
    let seen = 0;
    while (writing) {
      const [before, deletedBefore] = [answered, deletedUpTo];
      const found = await rounds();
      expect(found.length).toBeGreaterThan(0);
      const [first = 0, last = 0] = [found[0], found.at(-1)];
      expect(found).toHaveLength(last - first + 1);
      expect(last).toBeGreaterThanOrEqual(before);
      expect(first).toBeGreaterThan(deletedBefore);
      seen += 1;
    }
    return seen;
  };
  await upload(1);
  answered = 1;
  const searching = [search(), search()];
  for (let round = 2; round <= 40; round++) {
    await upload(round);
    answered = round;
    if (round % 4 === 0) await store.gate.alone(() => writer.exclusive(() => store.checkpoint()));
    if (round % 10 === 0) {
      await writer.exclusive(() => store.connection.run(`DELETE FROM logs WHERE bytes <= ${round - 8}`));
      deletedUpTo = round - 8;
    }
    await breathe();
  }
  writing = false;
  const seen = await Promise.all(searching);
  expect(Math.min(...seen)).toBeGreaterThan(0);
  expect((await rounds()).at(-1)).toBe(40);
});

test('what a reader opened stays as it is, whatever is committed before the next checkpoint', async () => {
  for (let round = 1; round <= 20; round++) await upload(round);
  await store.checkpoint();
  await upload(21);
  const memory = await DuckDBInstance.create(':memory:');
  const reader = await memory.connect();
  await reader.run(`ATTACH '${store.path}' AS store (READ_ONLY)`);
  for (let round = 22; round <= 30; round++) await upload(round);
  await store.connection.run('DELETE FROM logs WHERE bytes <= 10');
  // Whole groups of rows go to the file at once, before a checkpoint.
  await store.connection.run('INSERT INTO logs SELECT l.* FROM logs l, range(60)');
  const sums = await reader.runAndReadAll('SELECT count(*), sum(bytes), min(bytes), max(bytes) FROM store.main.logs');
  expect(sums.getRows()[0]!.map(Number)).toEqual([21 * LOGS, 231 * LOGS, 1, 21]);
  memory.closeSync();
});

test('retention cuts the store while searches read it', async () => {
  for (let round = 1; round <= 5; round++) await upload(round);
  const searching = rounds();
  const { logsDeleted } = await applyRetention(
    store,
    writer,
    { retentionMs: 0, storeBytesMax: 1024 ** 3 },
    Date.now() + 1000,
  );
  expect([(await searching).length === 5 || (await searching).length === 0, logsDeleted]).toEqual([true, 5 * LOGS]);
  expect(await rounds()).toEqual([]);
});

test('a checkpoint waits for those who read, and those who come meanwhile wait for it', async () => {
  const gate = new ReadGate();
  const order: string[] = [];
  await gate.enter();
  const alone = gate.alone(async () => void order.push('alone'));
  const second = gate.alone(async () => void order.push('alone again'));
  const entered = gate.enter().then(() => order.push('entered'));
  await breathe();
  expect([order, gate.isEmpty]).toEqual([[], false]);
  gate.leave();
  await Promise.all([alone, second, entered]);
  expect(order).toEqual(['alone', 'alone again', 'entered']);
});

test('work alone that fails lets the next ones in', async () => {
  const gate = new ReadGate();
  await expect(gate.alone(() => Promise.reject(new Error('the disk is full')))).rejects.toThrow('the disk is full');
  await gate.enter();
  expect(gate.isEmpty).toBe(false);
});
