import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Refusal } from '../../../logservice/model/refusal.ts';
import type { SearchResult } from '../../../logservice/search/search-request.ts';
import { Searches } from '../../../logservice/search/searches.ts';
import { Store } from '../../../logservice/store/store.ts';
import { Writer, type Written } from '../../../logservice/store/writer.ts';
import { encodeGroups, removeFolder, temporaryFolder } from '../harness.ts';

/** Searches that want all of the memory or of the time, most of them without a step at which the database could be interrupted. */
const HOSTILE = [
  'select count(*) from range(1000000000) a, range(1000000000) b where a.range * b.range % 7 = 3',
  'select range(1000000000)',
  'select len(range(1000000000))',
  "select repeat('x', 100000000) from range(100)",
  "select length(string_agg(repeat(md5(range::varchar), 100), '')) from range(10000000)",
  'select list(range) from range(1000000000)',
  'select * from range(1000000000) order by range desc',
  'with recursive r as (select 1 as k union all select k + 1 from r) select max(k) from r',
  "with recursive r as (select 'x' as t union all select t || t from r) select max(length(t)) from r",
  "select lpad('x', 2000000000, 'y')",
  "select printf('%2000000000d', 1)",
  "select format('{:>1000000000}', 'x')",
  'select list_resize([1], 1000000000, 2)',
  'select flatten(list_transform(range(100000), lambda x: range(100000)))',
  "select list_transform(range(10000000), lambda x: repeat('y', 1000))",
  'select list_sort(range(100000000))',
  'select array_agg(a.range order by b.range) from range(100000) a, range(100000) b',
  'select count(distinct a.range * b.range) from range(100000) a, range(100000) b',
  'select sum(x) over (order by x desc rows between 10 preceding and unbounded following) from range(100000000) t(x)',
  'select median(range), mode(range) from range(1000000000)',
  'select histogram(range) from range(1000000000)',
  "select levenshtein(repeat('a', 1000000), repeat('b', 1000000))",
  "select damerau_levenshtein(repeat('ab', 100000), repeat('ba', 100000))",
  "select json_valid(repeat('[', 100000000))",
  "select string_split(repeat('a,', 100000000), ',')",
  "select regexp_extract_all(repeat('a', 100000000), 'a')",
  "select generate_series(timestamp '0001-01-01', timestamp '9999-01-01', interval 1 second)",
  'select * from generate_series(1, 1000000000) a, generate_series(1, 1000000000) b limit 1 offset 1000000000000',
  "select map_from_entries(list_transform(range(10000000), lambda x: {'k': x, 'v': repeat('z', 100)}))",
  'select to_json(range(100000000))',
  "select replace(repeat('a', 10000000), 'a', repeat('b', 1000))",
  'select list_transform(range(10000), lambda x: list_transform(range(10000), lambda y: list_sum(range(x * y))))',
  "select reverse(repeat('ä', 200000000))",
  "select bin(repeat('x', 200000000))",
] as const;

const TOPIC = { id: 'flowlog', index: true, closed: false };
const folder = temporaryFolder();
let store: Store;
let writer: Writer;
/** With little time, and with as much as everybody has: a busy machine may need longer than that little for a good one, too. */
let hurried: Searches;
let patient: Searches;
let largestMib = 0;
let sampling: NodeJS.Timeout;
let uploaded = 0;

beforeAll(async () => {
  store = await Store.open(folder);
  writer = await Writer.open(store, { now: Date.now, onFailure: (error) => expect.fail(error.message) });
  const options = {
    storePath: store.path,
    gate: store.gate,
    prepare: async () => undefined,
    exclusive: <T>(work: () => Promise<T>) => writer.exclusive(work),
    worker: resolve('dist/logservice/search/search-worker.js'),
  };
  hurried = new Searches({ ...options, timeoutMs: 500 });
  patient = new Searches(options);
  sampling = setInterval(() => {
    largestMib = Math.max(largestMib, ...searchProcesses().map(residentMib));
  }, 20);
});
afterAll(async () => {
  clearInterval(sampling);
  await Promise.all([hurried.stop(), patient.stop()]);
  await store.close();
  removeFolder(folder);
});

function ask(searches: Searches, query: string): Promise<SearchResult | Refusal> {
  const signal = new AbortController().signal;
  return searches.run({
    topic: TOPIC,
    query,
    exclude: '',
    fromMs: 0,
    toMs: Date.now() + 1000,
    limit: 100,
    otherKeys: ['marker'],
    signal,
  });
}

async function rowsOf(query: string): Promise<unknown> {
  const answer = await ask(patient, query);
  return answer instanceof Refusal ? answer : answer.rows;
}

function put(marker: string): Promise<Written | Refusal> {
  return writer.write(TOPIC, encodeGroups([{ logs: [{ contents: { marker, 'log-status': 'OK' } }] }]));
}

/** Processes that search for this one. */
function searchProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter(
      (pid) =>
        read(`/proc/${pid}/stat`).includes(`) S ${process.pid} `) ||
        read(`/proc/${pid}/stat`).includes(`) R ${process.pid} `),
    )
    .filter((pid) => read(`/proc/${pid}/cmdline`).includes('search-worker.js'))
    .map(Number);
}

function residentMib(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

describe('uploads and searches go on after', () => {
  test.concurrent.for(HOSTILE)('%s', async (sql, { expect }) => {
    const answer = await ask(hurried, `| ${sql}`);
    if (answer instanceof Refusal) expect(answer.errorcode).toMatch(/^(QueryError|SearchTimeout)$/);
    const marker = `after-${uploaded++}`;
    expect(await put(marker)).toEqual({ logs: 1, duplicates: 0 });
    expect(await rowsOf(`marker:${marker}|select marker, count(*) from log group by marker`)).toEqual([[marker, 1]]);
  });

  test('and none of them took more memory than a search may', () => {
    expect(largestMib).toBeGreaterThan(50);
    expect(largestMib).toBeLessThan(1100);
  });
});

test('an error says what to do', async () => {
  expect(await ask(hurried, `| ${HOSTILE[0]}`)).toMatchObject({
    errorcode: 'SearchTimeout',
    errormessage: 'The search was ended after 0.5 seconds; narrow its time or its condition.',
  });
});

test('a search that is given up by its asker ends, and what it spilled goes with it', async () => {
  const asker = new AbortController();
  const query = '| select * from range(100000000) order by hash(range)';
  const searching = patient.run({
    topic: TOPIC,
    query,
    exclude: '',
    fromMs: 0,
    toMs: 1,
    limit: 1,
    otherKeys: [],
    signal: asker.signal,
  });
  const spilled = () => readdirSync(folder).filter((name) => /^search-\d+\.tmp$/.test(name));
  await expect.poll(spilled).toHaveLength(1);
  asker.abort();
  expect(await searching).toMatchObject({ errorcode: 'SearchTimeout' });
  expect(spilled()).toEqual([]);
});

test('searches beyond those that may run at once wait, and are answered', async () => {
  await put('many');
  const hostile = Array.from({ length: 3 }, () => ask(hurried, `| ${HOSTILE[0]}`));
  const good = Array.from({ length: 10 }, () => rowsOf('marker:many|select marker from log'));
  expect((await Promise.all(hostile)).map((answer) => (answer as Refusal).errorcode)).toEqual(
    Array(3).fill('SearchTimeout'),
  );
  expect(await Promise.all(good)).toEqual(Array(10).fill([['many']]));
  expect(searchProcesses().length).toBeLessThanOrEqual(4);
});
