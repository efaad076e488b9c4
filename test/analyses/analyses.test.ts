/** Each analysis of the catalogue on traffic with known truth, through the log service: there, not there, and just under its threshold. */
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AnalysisAnswer, runAnalysis } from '../../agent/analysis/run-analysis.ts';
import type { Analysis } from '../../analyses/analysis.ts';
import { readCatalogue } from '../../analyses/catalogue.ts';
import { defaultsOf } from '../../analyses/question.ts';
import { FIELDS } from '../../schema/fields.ts';
import {
  removeFolder,
  search,
  startTestService,
  type TestService,
  temporaryFolder,
  upload,
} from '../logservice/harness.ts';
import { identityOf, LABELS, mixedHour } from './mix.ts';
import { BEGIN, Traffic } from './traffic.ts';
import { TRUTHS } from './truth.ts';

const CATALOGUE = readCatalogue(resolve('analyses'));
const folder = temporaryFolder();
let service: TestService;
const topics = (name: string) => [`${name}-at`, `${name}-under`];

beforeAll(async () => {
  const ids = [
    'everyday',
    'mixed',
    'whole',
    'before',
    'usual',
    'beacon-60',
    'beacon-300',
    'beacon-600',
    ...Object.keys(TRUTHS).flatMap(topics),
  ];
  service = await startTestService(folder, { topics: ids.map((id) => ({ id })) });
  const everyday = new Traffic();
  everyday.everyday();
  await upload(service, [{ logs: everyday.logs }], 'everyday');
  await upload(service, [{ logs: mixedHour().logs }], 'mixed');
  for (const [name, truth] of Object.entries(TRUTHS)) {
    for (const [index, topic] of topics(name).entries()) {
      const traffic = new Traffic(index);
      traffic.everyday();
      truth.add(traffic, index === 0);
      await upload(service, [{ logs: traffic.logs }], topic);
    }
  }
});
afterAll(async () => {
  await service.stop();
  removeFolder(folder);
});

function analysisNamed(name: string): Analysis {
  return CATALOGUE.find((analysis) => analysis.name === name)!;
}

async function analyse(name: string, topic: string, values = {}): Promise<AnalysisAnswer> {
  const ask = async (query: string, limit: number) => {
    const { status, json } = await search(service, query, {
      topic_id: topic,
      from: (BEGIN - 8 * 86_400) * 1000,
      to: (BEGIN + 7260) * 1000,
      limit,
    });
    if (status !== 200) throw new Error(String(json['errormessage']));
    return json as never;
  };
  const untilSeconds = BEGIN + 3600 + (name === 'new-peer' ? 3540 : 0);
  return await runAnalysis(ask, analysisNamed(name), { values, untilSeconds, limit: 10_000 });
}

const objectsOf = ({ columns, rows }: AnalysisAnswer) =>
  rows.map(({ cells }) => Object.fromEntries(columns.map(({ name }, index) => [name, cells[index]])));

describe.each(Object.entries(TRUTHS))('%s', (name, { row, severity }) => {
  test('tells what is at its threshold, first of all, with the records behind it', async () => {
    const answer = await analyse(name, `${name}-at`);
    expect(objectsOf(answer)[0]).toMatchObject(row);
    expect(answer.rows[0]!.severity).toBe(severity);
    const found = await search(service, answer.rows[0]!.records!, { topic_id: `${name}-at`, from: 0 });
    expect(found.rows.length).toBeGreaterThan(0);
  });

  test('does not tell what is just under it', async () => {
    const rows = objectsOf(await analyse(name, `${name}-under`).catch(nothingSeen));
    expect(rows).not.toContainEqual(expect.objectContaining(identityOf(row)));
  });

  test('tells nothing of an ordinary hour', async () => {
    expect(objectsOf(await analyse(name, 'everyday').catch(nothingSeen))).toEqual([]);
  });
});

/** Where no record has what it needs, it says that instead of nothing. */
function nothingSeen(error: Error & { code?: string }): AnalysisAnswer {
  expect(error.code).toBe('analysis.unanswerable');
  return { columns: [], rows: [] } as unknown as AnalysisAnswer;
}

/** Of the rows those that a label tells, and of the labels those that a row has. */
describe('precision and recall in the labelled mix are those of the catalogue', () => {
  test.each([...LABELS])('%s', async (name, labels) => {
    const rows = objectsOf(await analyse(name, 'mixed'));
    const has = (row: object, label: object) =>
      Object.entries(label).every(([column, value]) => row[column as never] === value);
    const right = rows.filter((row) => labels.some((label) => has(row, label)));
    const found = labels.filter((label) => rows.some((row) => has(row, label)));
    const share = (part: number, whole: number) => Math.round((100 * part) / whole) / 100;
    const measured = { precision: share(right.length, rows.length), recall: share(found.length, labels.length) };
    expect([measured, rows]).toEqual([analysisNamed(name).measured, rows]);
  });

  test('all that has a figure has labels', () => {
    const figures = CATALOGUE.filter(({ measured }) => measured !== undefined).map(({ name }) => name);
    expect(figures.toSorted()).toEqual([...LABELS.keys()].toSorted());
  });
});

test('what was accepted before a rejection does not count as accepted afterwards', async () => {
  const traffic = new Traffic();
  const flow = { srcaddr: '203.0.113.9', dstaddr: '10.0.1.1', srcport: 40_000, dstport: 22 };
  traffic.record(0, { ...flow, packets: 9 });
  traffic.record(60, { ...flow, packets: 5, action: 'REJECT' });
  traffic.record(120, { ...flow, packets: 1 });
  await upload(service, [{ logs: traffic.logs }], 'before');
  expect((await analyse('rejected-then-accepted', 'before')).rows).toEqual([]);
});

describe('an unusual upload', () => {
  test('is none of a client that is hardly known', async () => {
    expect((await analyse('unusual-upload', 'unusual-upload-at', { hours: 25 })).rows).toEqual([]);
  });

  test('is none where the client sent as much in an earlier hour, until that is one of a hundred', async () => {
    const traffic = new Traffic();
    const flow = { srcaddr: '10.0.0.41', dstaddr: '10.0.1.2', dstport: 514, protocol: 17, initiator: 'source' };
    for (let hour = 0; hour < 100; hour++)
      traffic.record(1800 - hour * 3600, {
        ...flow,
        srcport: 50_000 + hour,
        bytes: hour === 0 || hour === 50 ? 10_000_000 + hour : 1000,
      });
    await upload(service, [{ logs: traffic.logs }], 'usual');
    expect((await analyse('unusual-upload', 'usual')).rows).toEqual([]);
    expect(objectsOf(await analyse('unusual-upload', 'usual', { share: 0.98 }))).toMatchObject([
      { client: '10.0.0.41', sent: 10_000_000, most_before: 10_000_050, hours: 100 },
    ]);
  });
});

test.each([60, 300, 600])('a beacon of each %i s is found from its twelfth beginning on', async (period) => {
  const traffic = new Traffic();
  for (let index = 0; index < 12; index++) {
    traffic.connection({ client: '10.0.0.7', server: '203.0.113.9', port: 8443, at: index * period });
  }
  await upload(service, [{ logs: traffic.logs }], `beacon-${period}`);
  expect(objectsOf(await analyse('beacon', `beacon-${period}`))).toMatchObject([{ period, beginnings: 12 }]);
});

describe('what has no threshold adds up', () => {
  const total = (rows: readonly Record<string, unknown>[], column: string) =>
    rows.reduce((sum, row) => sum + Number(row[column]), 0);
  const trafficOf = () => {
    const traffic = new Traffic();
    traffic.everyday();
    const records = traffic.logs.flatMap(({ contents }) => (contents['log-status'] === 'OK' ? [contents] : []));
    return { bytes: records.reduce((sum, { bytes }) => sum + Number(bytes), 0), records };
  };

  test.each([
    ['top-talkers', 2],
    ['top-pairs', 1],
    ['protocols', 1],
    ['timeline', 1],
    ['who-talks-to-whom', 1],
  ])('%s', async (name, times) => {
    expect(total(objectsOf(await analyse(name, 'everyday')), 'bytes')).toBe(trafficOf().bytes * times);
  });

  test('the timeline has a step for each minute, in order', async () => {
    const steps = objectsOf(await analyse('timeline', 'everyday')).map(({ since }) => since);
    expect(steps).toEqual(Array.from({ length: 60 }, (_, minute) => BEGIN + minute * 60));
  });

  test('handshake times are those of the clients’ records', async () => {
    const rows = objectsOf(await analyse('latency', 'everyday', { connections: 1 }));
    const measured = trafficOf().records.filter(
      (record) => record['initiator'] === 'source' && record['handshake-rtt'] !== undefined,
    );
    expect(total(rows, 'connections')).toBe(measured.length);
    expect(rows.every(({ p50, p95, slowest }) => p50 === 900 && p95 === 900 && slowest === 900)).toBe(true);
  });

  test('completeness is that of the ledgers', async () => {
    const answer = await analyse('completeness', 'everyday');
    expect(answer.completeness).toEqual({
      windows: 60,
      incompleteWindows: 0,
      offeredPackets: 60_000,
      lostPackets: 0,
      gapSeconds: 0,
    });
    expect([total(objectsOf(answer), 'windows'), total(objectsOf(answer), 'offered')]).toEqual([60, 60_000]);
    expect(answer.rows.every(({ severity }) => severity === undefined)).toBe(true);
  });
});

/** A flow with a value of each field that some analysis needs. */
const EVERYTHING = {
  srcaddr: '10.0.0.1',
  dstaddr: '10.0.0.2',
  srcport: 40_000,
  dstport: 80,
  'tcp-flags': 2,
  'handshake-rtt': 5,
  initiator: 'source',
  srcregionid: 'gz',
  dstregionid: 'sh',
  action: 'REJECT',
  'reject-rule': 'deny all',
  'icmp-type': 3,
  'icmp-code': 1,
} as const;

describe('the catalogue', () => {
  const FIELD_NAMES = new Set<string>(FIELDS.map(({ name }) => name));

  test.each(CATALOGUE.map((analysis) => [analysis.name, analysis] as const))(
    '%s is in the common subset',
    (_, { query, condition }) => {
      const text = `${condition} ${query}`.replaceAll(/'[^']*'/g, "''");
      expect(text).not.toMatch(/\bwith\b|\bjoin\b|\bfilter\s*\(|group by all|\/\/|::|\bqualify\b|\bexclude\b/i);
    },
  );

  test.each(CATALOGUE.map((analysis) => [analysis.name, analysis] as const))('%s names what it uses', (_, analysis) => {
    const placeholders = [...analysis.query.matchAll(/\$\{([\w-]+)\}/g)].map(([, name]) => name!);
    expect(placeholders.filter((name) => name !== 'until' && !(name in defaultsOf(analysis)))).toEqual([]);
    expect(Object.keys(defaultsOf(analysis)).filter((name) => !placeholders.includes(name))).toEqual([]);
    expect(analysis.needs.filter((field) => !FIELD_NAMES.has(field))).toEqual([]);
    expect(analysis.question.endsWith('?')).toBe(true);
    expect(Object.keys(analysis.columns)).not.toContain('records');
    expect(Object.keys(analysis.columns)).not.toContain('severity');
  });

  describe('on a record that has all fields', () => {
    beforeAll(async () => {
      const traffic = new Traffic();
      traffic.record(600, EVERYTHING);
      await upload(service, [{ logs: traffic.logs }], 'whole');
    });

    test.each(CATALOGUE.map(({ name }) => name))(
      '%s answers, and each of its columns is a field or has a meaning',
      async (name) => {
        const { columns } = await analyse(name, 'whole');
        const meanings = analysisNamed(name).columns;
        expect(
          columns.map((column) => column.name).filter((column) => !FIELD_NAMES.has(column) && !(column in meanings)),
        ).toEqual([]);
      },
    );
  });

  test('all that has a threshold has a known truth here', () => {
    const told = CATALOGUE.filter(({ severity, name }) => severity.length > 0 && name !== 'completeness');
    expect(told.map(({ name }) => name).toSorted()).toEqual(Object.keys(TRUTHS).toSorted());
  });
});
