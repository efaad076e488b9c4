/** Alarms have rows where there is something to tell, and none in an ordinary hour: a row of theirs wakes people. */
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alarmQuery, alarmsOf } from '../../agent/analysis/terraform-alarms.ts';
import { readCatalogue } from '../../analyses/catalogue.ts';
import { severityOf } from '../../analyses/question.ts';
import {
  removeFolder,
  search,
  startTestService,
  type TestService,
  temporaryFolder,
  upload,
} from '../logservice/harness.ts';
import { mixedHour } from './mix.ts';
import { BEGIN, Traffic } from './traffic.ts';

const ALARMS = alarmsOf(readCatalogue(resolve('analyses')));
const folder = temporaryFolder();
let service: TestService;

beforeAll(async () => {
  service = await startTestService(folder, { topics: [{ id: 'everyday' }, { id: 'mixed' }] });
  const everyday = new Traffic();
  everyday.everyday();
  await upload(service, [{ logs: everyday.logs }], 'everyday');
  const mixed = mixedHour();
  mixed.ledger(3600, 1000, 1);
  await upload(service, [{ logs: mixed.logs }], 'mixed');
});
afterAll(async () => {
  await service.stop();
  removeFolder(folder);
});

async function rowsOf(query: string, topic: string): Promise<readonly Record<string, unknown>[]> {
  const { status, json, columns, rows } = await search(service, query, {
    topic_id: topic,
    from: BEGIN * 1000,
    limit: 10_000,
  });
  expect([status, json['errormessage']]).toEqual([200, undefined]);
  return rows.map((cells) => Object.fromEntries(columns.map((name, index) => [name, cells[index]])));
}

describe.each(ALARMS)('$name', (alarm) => {
  test('has no row in an ordinary hour', async () => {
    expect(await rowsOf(alarmQuery(alarm), 'everyday')).toEqual([]);
  });

  test('has rows where everything is wrong at once, and each of them has a severity', async () => {
    const severities = (await rowsOf(alarmQuery(alarm), 'mixed')).map((row) => severityOf(alarm, row));
    expect(severities.length).toBeGreaterThan(0);
    expect(severities).not.toContain(undefined);
  });
});
