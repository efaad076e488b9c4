/**
 * `npm run bench -- search`: how long the embedded log service searches a large store. It has 200,000 flows in
 * each window; each query runs in the process that a search has, with its limits. The store stays in the temporary folder, because it takes
 * minutes to make.
 */
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readCatalogue } from '../analyses/catalogue.ts';
import { defaultsOf, questionOf } from '../analyses/question.ts';
import { Refusal } from '../logservice/model/refusal.ts';
import { Searches } from '../logservice/search/searches.ts';
import { Store } from '../logservice/store/store.ts';
import { Writer } from '../logservice/store/writer.ts';
import { closedWindow } from './kernels/records.ts';
import { machineLine } from './machine.ts';
import { cacheFolder } from './places.ts';
import { uploadsOf } from './stored-records.ts';
import { markdownTable, median, shortNumber } from './table-text.ts';

const TOPIC = { id: 'bench-topic', index: true, closed: false };
const FLOWS_PER_WINDOW = 200_000;
const ANALYSES = ['top-talkers', 'timeline', 'top-pairs', 'protocols'] as const;
const WORKER = fileURLToPath(new URL('../logservice/search/search-worker.js', import.meta.url));
const WINDOW_MS = 60_000;

export async function runSearchBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { records: { type: 'string', default: '10000000' }, runs: { type: 'string', default: '5' } },
  });
  const windows = Math.ceil(Number(values.records) / FLOWS_PER_WINDOW);
  const folder = join(cacheFolder(), `store-${windows}`);
  const store = await filled(folder, windows);
  const [[logs, first, last]] = (await store.rows('SELECT count(*), min(time), max(time) FROM logs')) as [
    [bigint, bigint, bigint],
  ];
  const bytes = statSync(store.path).size;
  console.log(`${machineLine()}\n`);
  console.log(`${logs} logs of ${windows} windows, ${(bytes / Number(logs)).toFixed(1)} bytes a log on the disk\n`);
  const rows: string[][] = [];
  for (const [name, query] of questions(Number(last))) {
    for (const [time, fromMs] of [
      ['all', Number(first)],
      ['one window', Number(last) - WINDOW_MS + 1],
    ] as const) {
      const took = await searchTimes(store, { query, fromMs, toMs: Number(last) }, Number(values.runs));
      if (took instanceof Refusal) rows.push([name, time, took.errorcode, '']);
      else rows.push([name, time, shortNumber(took[0]!), shortNumber(median(took.slice(1)))]);
    }
  }
  console.log(markdownTable(['search', 'of', 'first, ms', 'next, ms'], rows));
  await store.close();
}

async function filled(folder: string, windows: number): Promise<Store> {
  const done = join(folder, 'filled');
  const isFilled = existsSync(done);
  if (!isFilled) rmSync(folder, { recursive: true, force: true });
  const store = await Store.open(folder);
  if (isFilled) return store;
  await fill(store, windows);
  writeFileSync(done, '');
  return store;
}

/** One window as uploads bring it, and the same flows a minute later each, which the database copies: that is faster. */
async function fill(store: Store, windows: number): Promise<void> {
  const onFailure = (error: Error): never => {
    throw error;
  };
  const writer = await Writer.open(store, { now: Date.now, onFailure });
  const uploads = uploadsOf(closedWindow(FLOWS_PER_WINDOW), 0);
  for (const answer of await Promise.all(uploads.map((body) => writer.write(TOPIC, body)))) {
    if (answer instanceof Refusal) throw new Error(answer.errormessage);
  }
  await store.checkpoint();
  for (let minutes = 1; minutes < windows; minutes++) {
    for (const statement of copiesOf(uploads.length, minutes)) await store.connection.run(statement);
    await store.checkpoint();
  }
}

function copiesOf(packages: number, minutes: number): readonly string[] {
  const later = (column: string): string => `"${column}" + ${60 * minutes} AS "${column}"`;
  const moved =
    `package + ${packages * minutes} AS package, time + ${WINDOW_MS * minutes} AS time, ` +
    ['start', 'end', 'first', 'last', 'window-start', 'window-end'].map(later).join(', ');
  return [
    `INSERT INTO packages SELECT * REPLACE (id + ${packages * minutes} AS id, pkg_id || '-${minutes}' AS pkg_id)
     FROM packages WHERE id <= ${packages}`,
    `INSERT INTO logs SELECT * REPLACE (${moved}) FROM logs WHERE package <= ${packages}`,
  ];
}

function questions(untilMs: number): readonly (readonly [name: string, query: string])[] {
  const named = readCatalogue().filter(({ name }) => (ANALYSES as readonly string[]).includes(name));
  return named.map((analysis) => [analysis.name, questionOf(analysis, defaultsOf(analysis), untilMs / 1000)] as const);
}

interface Asked {
  readonly query: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** In milliseconds; the first one starts the process. */
async function searchTimes(store: Store, asked: Asked, runs: number): Promise<readonly number[] | Refusal> {
  const searches = new Searches({
    storePath: store.path,
    gate: store.gate,
    prepare: async () => undefined,
    exclusive: (work) => work(),
    worker: WORKER,
  });
  // Processes that search do not keep this one.
  const alive = setInterval(() => undefined, 1000);
  const times: number[] = [];
  let refusal: Refusal | undefined;
  for (let run = 0; run <= runs && refusal === undefined; run++) {
    const begin = performance.now();
    const { signal } = new AbortController();
    const answer = await searches.run({ ...asked, topic: TOPIC, exclude: '', limit: 100, otherKeys: [], signal });
    if (answer instanceof Refusal) refusal = answer;
    times.push(performance.now() - begin);
  }
  await searches.stop();
  clearInterval(alive);
  return refusal ?? times;
}
