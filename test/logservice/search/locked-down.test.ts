import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { lockedDown } from '../../../logservice/search/locked-down.ts';

test('times are UTC, whatever the time zone of the host is', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'Asia/Shanghai'");
  for (const statement of lockedDown('/nowhere')) await connection.run(statement);
  const sql =
    "SELECT CAST(timestamp_of(TIMESTAMP '2024-01-01 12:00:00') AS VARCHAR), CAST(histogram_of_time(TIMESTAMP '2024-01-01 12:07:00', INTERVAL 5 MINUTE) AS VARCHAR)";
  const reader = await connection.runAndReadAll(sql);
  expect(reader.getRows()).toEqual([['2024-01-01 12:00:00', '2024-01-01 12:05:00']]);
  await expect(connection.run("SET TimeZone = 'Asia/Shanghai'")).rejects.toThrow(/locked/);
  connection.closeSync();
});
