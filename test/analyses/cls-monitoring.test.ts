/**
 * What monitoring/cls asks, in the embedded log service. Alarms have rows where there is something to tell, and none in an ordinary hour: a row
 * of theirs wakes people. Panels have the rows of their analysis, with times in milliseconds.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alarmQuery, alarmsOf } from '../../agent/analysis/terraform-alarms.ts';
import { readCatalogue } from '../../analyses/catalogue.ts';
import { isTime, questionOf, severityOf } from '../../analyses/question.ts';
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

const CATALOGUE = readCatalogue(resolve('analyses'));
const ALARMS = alarmsOf(CATALOGUE);
const FROM = BEGIN - 8 * 86_400;
const UNTIL = BEGIN + 3660;
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
    from: FROM * 1000,
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

interface Panel {
  readonly description?: string;
  readonly panels?: readonly Panel[];
  readonly targets?: readonly { readonly logServiceParams: { readonly Query: string } }[];
}

describe('panels', () => {
  const { panels } = JSON.parse(readFileSync(resolve('monitoring/cls/grafana-dashboard.json'), 'utf8')) as {
    panels: readonly Panel[];
  };
  /** As Grafana asks it, at the default step. */
  const asked = (name: string): string => {
    const all = panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
    const [{ logServiceParams }] = all.find(({ description }) => description?.endsWith(`docs/analyses.md: ${name}.`))!
      .targets as [{ logServiceParams: { Query: string } }];
    return logServiceParams.Query.replaceAll(/\$\{step\}/g, '300').replaceAll(
      /\$\{__to:date:seconds\}/g,
      String(UNTIL),
    );
  };

  test.each(CATALOGUE)('$name has the rows of its analysis', async (analysis) => {
    const step = 'step' in analysis.parameters ? { step: 300 } : {};
    const rows = await rowsOf(questionOf(analysis, step, UNTIL), 'mixed');
    const inMilliseconds = rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, isTime(analysis, name) ? Number(value) * 1000 : value]),
      ),
    );
    const key = (row: object) => JSON.stringify(row);
    expect((await rowsOf(asked(analysis.name), 'mixed')).map(key).toSorted()).toEqual(
      inMilliseconds.map(key).toSorted(),
    );
  });
});
