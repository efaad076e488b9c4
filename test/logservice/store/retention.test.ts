import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Refusal } from '../../../logservice/model/refusal.ts';
import { applyRetention, type RetentionOptions, type RetentionReport } from '../../../logservice/store/retention.ts';
import { type RewritingWriter, rewriteLogs } from '../../../logservice/store/rewriting.ts';
import { Store } from '../../../logservice/store/store.ts';
import { Writer } from '../../../logservice/store/writer.ts';
import { encodeGroups, removeFolder, temporaryFolder } from '../harness.ts';

const TOPIC = { id: 'flowlog', index: true, closed: false };
const DAY_MS = 86_400_000;
const MIB = 1024 ** 2;
const LOGS_PER_PACKAGE = 8192;

let folder: string;
let store: Store;
let writer: Writer;
beforeEach(async () => {
  folder = temporaryFolder();
  store = await Store.open(folder);
  writer = await openWriter(store);
});
afterEach(async () => {
  await store.close();
  removeFolder(folder);
});

function openWriter(of: Store): Promise<Writer> {
  return Writer.open(of, {
    now: Date.now,
    onFailure: (error) => {
      throw error;
    },
  });
}

/** As uploads of two days ago have left them, without the uploads. @param other what each log has beside its columns */
async function fill(packages: number, logs: number, other: string): Promise<void> {
  const { connection } = store;
  await connection.run(
    `INSERT INTO packages SELECT id, 'flowlog', 'P-' || id, NULL, NULL, NULL, NULL, true, ${logs}, ${Date.now() - 2 * DAY_MS}
     FROM range(1, ${packages + 1}) p(id)`,
  );
  await connection.run(
    `INSERT INTO logs (package, pkg_log_id, time, other)
     SELECT id, log, 1700000000000 + id, ${other} FROM range(1, ${packages + 1}) p(id), range(${logs}) l(log)`,
  );
  await store.checkpoint();
  // The next package is numbered behind these.
  writer = await openWriter(store);
}

const upload = (name: string) =>
  writer.write(TOPIC, encodeGroups([{ contextFlow: name, logs: [{ contents: { marker: name } }] }]));

/** Writes down each turn of the retention, and each upload, which is asked for while a turn runs. */
function observed(events: string[]): RewritingWriter {
  return {
    exclusive: (work) =>
      writer.exclusive(() => {
        const turn = events.push('turn');
        void upload(`U-${turn}`).then((written) => events.push(written instanceof Refusal ? 'refused' : 'upload'));
        return work();
      }),
    tableReplaced: () => writer.tableReplaced(),
  };
}

/** Ends, as a kill does, before a turn: what is asked for then never ends. */
function killedBefore(turn: number): { readonly writer: RewritingWriter; readonly reached: Promise<void> } {
  let turns = 0;
  let onReached = (): void => undefined;
  const reached = new Promise<void>((resolve) => {
    onReached = resolve;
  });
  const never = new Promise<never>(() => undefined);
  const exclusive: RewritingWriter['exclusive'] = (work) => {
    turns += 1;
    if (turns < turn) return writer.exclusive(work);
    onReached();
    return never;
  };
  return { writer: { exclusive, tableReplaced: () => writer.tableReplaced() }, reached };
}

/** Another service on the files as they are at this moment. */
async function successor(): Promise<Store> {
  const copy = join(folder, 'after-the-kill');
  mkdirSync(copy);
  for (const name of readdirSync(folder))
    if (name.startsWith('logs.duckdb')) cpSync(join(folder, name), join(copy, name));
  return await Store.open(copy);
}

const tooOld: RetentionOptions = { retentionMs: DAY_MS, storeBytesMax: 1024 ** 3 };
const apply = (turns: RewritingWriter, options: RetentionOptions): Promise<RetentionReport> =>
  applyRetention(store, turns, options, Date.now());

/** The packages that have logs, and whether each has all of its own. */
async function held(of: Store): Promise<{ readonly packages: readonly number[]; readonly areWhole: boolean }> {
  const rows = await of.rows(
    `SELECT p.id, p.logs = count(*) FROM logs l JOIN packages p ON p.id = l.package GROUP BY p.id, p.logs ORDER BY p.id`,
  );
  return { packages: rows.map(([id]) => Number(id)), areWhole: rows.every(([, isWhole]) => isWhole === true) };
}

test('uploads are answered between two steps of a deletion', async () => {
  await fill(100, LOGS_PER_PACKAGE, 'NULL');
  const events: string[] = [];
  const { logsDeleted, steps } = await apply(observed(events), tooOld);
  expect(logsDeleted).toBe(100 * LOGS_PER_PACKAGE);
  // 100,000 logs and the rest of a package in each: 13 packages.
  expect(steps).toBe(8 + 1);
  const settled = events.slice(0, events.lastIndexOf('turn'));
  expect(settled).toEqual(Array.from({ length: 9 }, () => ['turn', 'upload']).flat());
  const { packages, areWhole } = await held(store);
  expect([packages[0], areWhole]).toEqual([101, true]);
});

test('uploads are answered between two steps of a rewriting, and none is lost in it', async () => {
  // Long values, of which one group of rows takes the whole store.
  await fill(400, 100, 'repeat(hex(hash(id * 1000 + log)), 64) || hex(hash(log)) || hex(hash(id))');
  const bytes = (await apply(writer, { ...tooOld, retentionMs: 10 * DAY_MS })).storeBytes;
  const events: string[] = [];
  const report = await apply(observed(events), { retentionMs: 10 * DAY_MS, storeBytesMax: Math.floor(bytes / 2) });
  expect(report.logsDeleted).toBeGreaterThan(15_000);
  expect(report.storeBytes).toBeLessThan(bytes);
  const turns = events.filter((event) => event === 'turn').length;
  expect(turns).toBeGreaterThan(6);
  expect(events.filter((event) => event === 'refused')).toEqual([]);
  // Each turn but the last is followed by the upload that came during it.
  const settled = events.slice(0, 2 * (turns - 1));
  expect(settled).toEqual(Array.from({ length: turns - 1 }, () => ['turn', 'upload']).flat());
  await upload('after');
  const { packages, areWhole } = await held(store);
  expect(areWhole).toBe(true);
  expect(packages.at(-1)! - packages[0]! + 1).toBe(packages.length);
  expect(packages.filter((id) => id > 400)).toHaveLength(turns + 1);
});

/** Uploads more packages in each turn than a step copies. */
function flooded(limit: number): RewritingWriter {
  let turns = 0;
  const exclusive: RewritingWriter['exclusive'] = (work) =>
    writer.exclusive(async () => {
      turns += 1;
      if (turns > limit) throw new Error(`more than ${limit} turns`);
      await store.connection.run(
        `INSERT INTO packages SELECT max(id) + 1 + i, 'flowlog', NULL, NULL, NULL, NULL, NULL, true, 0, 0
         FROM packages, range(65) r(i) GROUP BY i`,
      );
      return await work();
    });
  return { exclusive, tableReplaced: () => writer.tableReplaced() };
}

test('a rewriting ends though packages come faster than it copies them', async () => {
  await fill(400, 100, 'repeat(hex(hash(id * 1000 + log)), 64) || hex(hash(log)) || hex(hash(id))');
  const turns = flooded(200);
  expect(await rewriteLogs(store, turns)).toBeLessThan(20);
  const { packages, areWhole } = await held(store);
  expect([packages.length, areWhole]).toEqual([400, true]);
});

test.each([1, 2, 5])('after a kill before step %i of a deletion the packages that are left are whole', async (turn) => {
  await fill(100, LOGS_PER_PACKAGE, 'NULL');
  const killed = killedBefore(turn);
  void apply(killed.writer, tooOld);
  await killed.reached;
  const next = await successor();
  try {
    const first = 13 * (turn - 1) + 1;
    expect(await held(next)).toEqual({
      packages: Array.from({ length: 101 - first }, (_, index) => first + index),
      areWhole: true,
    });
    const again = await openWriter(next);
    expect(await again.write(TOPIC, encodeGroups([{ contextFlow: 'P-1', logs: [{ contents: { a: '1' } }] }]))).toEqual({
      logs: 0,
      duplicates: 1,
    });
    expect(await applyRetention(next, again, tooOld, Date.now())).toMatchObject({
      logsDeleted: (101 - first) * LOGS_PER_PACKAGE,
    });
  } finally {
    await next.close();
  }
});

test('after a kill in the middle of a rewriting the logs are as they were, and nothing of it is left', async () => {
  await fill(400, 100, 'repeat(hex(hash(id * 1000 + log)), 64) || hex(hash(log)) || hex(hash(id))');
  // Deletion, forgetting, checkpoint; a table for the copies, and two of them.
  const killed = killedBefore(7);
  void apply(killed.writer, { retentionMs: 10 * DAY_MS, storeBytesMax: 16 * MIB });
  await killed.reached;
  const before = await held(store);
  expect(before.packages.length).toBeLessThan(400);
  const tables = 'SELECT table_name FROM duckdb_tables() ORDER BY 1';
  expect(await store.rows(tables)).toEqual([['logs'], ['logs_kept'], ['other_keys'], ['packages']]);
  const next = await successor();
  try {
    expect(await held(next)).toEqual(before);
    expect(await next.rows(tables)).toEqual([['logs'], ['other_keys'], ['packages']]);
  } finally {
    await next.close();
  }
});

test('packages without logs that nothing identifies are forgotten in steps', async () => {
  await store.connection.run(
    `INSERT INTO packages SELECT id, 'flowlog', NULL, NULL, NULL, NULL, NULL, true, 1, 0 FROM range(1, 12001) p(id)`,
  );
  await store.connection.run('INSERT INTO logs (package, pkg_log_id, time) VALUES (12000, 0, 1)');
  const { steps } = await apply(writer, { ...tooOld, retentionMs: 100_000 * DAY_MS });
  expect(steps).toBe(3);
  expect(await store.rows('SELECT count(*) FROM packages')).toEqual([[1n]]);
});
