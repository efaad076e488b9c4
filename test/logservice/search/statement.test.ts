import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { literal, lockedDown } from '../../../logservice/search/locked-down.ts';
import { runSearch } from '../../../logservice/search/run-search.ts';
import { removeFolder, startTestService, temporaryFolder, upload } from '../harness.ts';

let folder: string;
let connection: DuckDBConnection;
beforeAll(async () => {
  folder = temporaryFolder();
  const service = await startTestService(folder);
  const logs = ['10.0.0.1', '10.0.0.2'].map((srcaddr) => ({ contents: { srcaddr, dstaddr: '10.0.0.3', bytes: '1' } }));
  await upload(service, [{ contextFlow: 'AB-1', logs }]);
  await service.stop();
  const path = join(folder, 'logs.duckdb');
  connection = await (await DuckDBInstance.create(':memory:')).connect();
  for (const statement of lockedDown(path)) await connection.run(statement);
  await connection.run(`ATTACH ${literal(path)} AS store (READ_ONLY)`);
});
afterAll(() => {
  connection.closeSync();
  removeFolder(folder);
});

/** The plan of what a search runs, and what it answers. */
async function planned(query: string): Promise<{ readonly plan: string; readonly answer: unknown }> {
  let plan = '';
  const watched = {
    runAndReadAll: connection.runAndReadAll.bind(connection),
    stream: async (sql: string, values: never) => {
      plan = JSON.stringify((await connection.runAndReadAll(`EXPLAIN ${sql}`, values)).getRows());
      return await connection.stream(sql, values);
    },
  } as unknown as DuckDBConnection;
  const times = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };
  const answer = await runSearch(watched, {
    topicId: 'flowlog',
    query,
    exclude: '',
    limit: 10,
    otherKeys: [],
    ...times,
  });
  return { plan, answer };
}

test('SQL that names the logs twice reads the columns it needs twice, and copies nothing', async () => {
  const { plan, answer } = await planned(
    '* | select address, sum(bytes) from (select srcaddr as address, bytes union all select dstaddr, bytes) group by 1 order by 1',
  );
  expect(answer).toMatchObject({
    rows: [
      ['10.0.0.1', 1],
      ['10.0.0.2', 1],
      ['10.0.0.3', 2],
    ],
  });
  expect(plan).toContain('UNION');
  expect(plan).not.toContain('CTE');
});
