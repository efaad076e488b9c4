/**
 * The queries of the catalogue in the words of other databases, over the same traffic as a file in the layout of object storage: each answers
 * what the log service answers.
 */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DialectName } from '../../agent/analysis/dialects.ts';
import { renderQuery } from '../../agent/analysis/render-query.ts';
import type { Analysis } from '../../analyses/analysis.ts';
import { readCatalogue } from '../../analyses/catalogue.ts';
import { questionOf } from '../../analyses/question.ts';
import { FIELDS } from '../../schema/fields.ts';
import {
  removeFolder,
  search,
  startTestService,
  type TestService,
  temporaryFolder,
  upload,
} from '../logservice/harness.ts';
import { askPython, hasPython } from '../support/python-packages.ts';
import { mixedHour } from './mix.ts';
import { BEGIN, type Contents } from './traffic.ts';

type Row = readonly unknown[];

const folder = temporaryFolder();
const FILE = join(folder, 'flows.parquet');
const CATALOGUE = readCatalogue(resolve('analyses')).filter(({ name }) => name !== 'completeness');
const NAMES = CATALOGUE.map(({ name }) => name);
const hasClickHouse = hasPython('queries in ClickHouse', 'chdb');
const hasSqlglot = hasPython('queries in Trino', 'sqlglot');
/** One fault is a rule that was last hit days before. */
const FROM = BEGIN - 8 * 86_400;
const UNTIL = BEGIN + 3660;
/** So that each analysis has rows in the mix. */
const VALUES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'region-cost': { price: 0.02 },
  'rare-peer': { share: 0.5, bytes: 1000 },
  latency: { connections: 1 },
};

let service: TestService;
let database: DuckDBConnection;

beforeAll(async () => {
  const traffic = mixedHour();
  const reject = {
    srcaddr: '203.0.113.1',
    dstaddr: '10.0.1.1',
    action: 'REJECT',
    'reject-rule': 'deny-web',
    packets: 7,
  };
  traffic.record(900, { ...reject, srcport: 40_000, dstport: 80 });
  for (const [index, region] of ['gz', 'sh', 'gz'].entries())
    traffic.record(60 * index, {
      srcaddr: '10.0.5.1',
      dstaddr: `10.0.6.${index}`,
      srcregionid: 'gz',
      dstregionid: region,
      bytes: 1e9 + index,
    });
  service = await startTestService(folder, { topics: [{ id: 'mix' }] });
  await upload(service, [{ logs: traffic.logs }], 'mix');
  database = await (await DuckDBInstance.create(':memory:')).connect();
  await writeParquet(traffic.logs.map(({ contents }) => contents).filter((contents) => 'log-status' in contents));
});
afterAll(async () => {
  database.closeSync();
  await service.stop();
  removeFolder(folder);
});

/** As flow logs lie in object storage: underscores for dashes, numbers as numbers, nothing as null. */
async function writeParquet(records: readonly Contents[]): Promise<void> {
  const columns = FIELDS.map(({ name, type }) => `"${name}": '${type === 'integer' ? 'BIGINT' : 'VARCHAR'}'`);
  const renamed = FIELDS.map(({ name }) => `"${name}" as "${name.replaceAll('-', '_')}"`);
  writeFileSync(`${FILE}.json`, records.map((record) => JSON.stringify(record)).join('\n'));
  const read = `read_json('${FILE}.json', format = 'newline_delimited', columns = {${columns.join(', ')}})`;
  await database.run(`copy (select ${renamed.join(', ')} from ${read}) to '${FILE}' (format parquet)`);
}

async function askService(analysis: Analysis): Promise<readonly Row[]> {
  const question = questionOf(analysis, VALUES[analysis.name] ?? {}, UNTIL);
  const { status, json } = await search(service, question, {
    topic_id: 'mix',
    from: FROM * 1000,
    to: UNTIL * 1000,
    limit: 10_000,
  });
  expect([status, json['errormessage']]).toEqual([200, undefined]);
  return comparable(json['rows'] as readonly Row[]);
}

function rendered(analysis: Analysis, dialect: DialectName, table: string): string {
  const asked = { values: VALUES[analysis.name] ?? {}, fromSeconds: FROM, untilSeconds: UNTIL };
  return renderQuery(analysis, asked, dialect, table);
}

/** In any order, because rows that are alike in what they are sorted by have none, and numbers to nine digits. */
function comparable(rows: readonly Row[]): readonly Row[] {
  const cell = (value: unknown) => {
    if (typeof value === 'string' && !/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value)) return value;
    return value === null ? null : Number(Number(value).toPrecision(9));
  };
  return rows
    .map((row) => row.map(cell))
    .sort((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1));
}

async function inDuckDb(query: string): Promise<readonly Row[]> {
  return comparable((await database.runAndReadAll(query)).getRowsJson());
}

test('the mix has rows for every analysis', async () => {
  for (const analysis of CATALOGUE)
    expect([analysis.name, (await askService(analysis)).length > 0]).toEqual([analysis.name, true]);
});

test.each(CATALOGUE)('$name over a file with DuckDB', async (analysis) => {
  expect(await inDuckDb(rendered(analysis, 'duckdb', `read_parquet('${FILE}')`))).toEqual(await askService(analysis));
});

const IN_CLICKHOUSE = `
import chdb, json, sys
answers = {}
for name, query in json.load(sys.stdin).items():
    try:
        answers[name] = json.loads(chdb.query(query, 'JSONCompact').bytes())['data']
    except Exception as error:
        answers[name] = str(error)[:600]
print(json.dumps(answers))`;

describe.skipIf(!hasClickHouse)('with ClickHouse', () => {
  let answers: Readonly<Record<string, readonly Row[] | string>>;
  beforeAll(() => {
    const queries = CATALOGUE.map((analysis) => [
      analysis.name,
      rendered(analysis, 'clickhouse', `file('${FILE}', 'Parquet')`),
    ]);
    answers = askPython(IN_CLICKHOUSE, Object.fromEntries(queries));
  });

  test.each(CATALOGUE)('$name', async (analysis) => {
    const answer = answers[analysis.name]!;
    if (typeof answer === 'string') throw new Error(answer);
    expect(comparable(answer)).toEqual(await askService(analysis));
  });
});

/** Read by the grammar, and put into DuckDB's words by somebody else than us: what it means there is what it means in Trino. */
const FROM_TRINO = `
import json, sqlglot, sys
print(json.dumps({
    name: {dialect: sqlglot.transpile(query, read=dialect, write='duckdb') for dialect in ('trino', 'athena')}
    for name, query in json.load(sys.stdin).items()
}))`;

describe.skipIf(!hasSqlglot)('Trino and Athena', () => {
  let read: Readonly<Record<string, Readonly<Record<'trino' | 'athena', readonly string[]>>>>;
  beforeAll(() => {
    const queries = CATALOGUE.map((analysis) => [analysis.name, rendered(analysis, 'trino', 'flow_logs')]);
    read = askPython(FROM_TRINO, Object.fromEntries(queries));
  });

  test.each(NAMES)('%s is one statement of both', (name) => {
    expect([read[name]!.trino.length, read[name]!.athena.length]).toEqual([1, 1]);
  });

  test.each(CATALOGUE)('$name answers the same', async (analysis) => {
    await database.run(`create or replace view flow_logs as select * from read_parquet('${FILE}')`);
    expect(await inDuckDb(read[analysis.name]!.trino[0]!)).toEqual(await askService(analysis));
  });
});

test('what reads ledgers is refused where there are none', () => {
  const completeness = readCatalogue(resolve('analyses')).find(({ name }) => name === 'completeness')!;
  expect(() => rendered(completeness, 'trino', 'flow_logs')).toThrow(
    'analyse: completeness reads ledgers, which only log services have: use --dialect cls',
  );
});
