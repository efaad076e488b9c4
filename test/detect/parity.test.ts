/** Each rule runs twice: as a query over the store, and as an observer of windows. On the same traffic both find the same. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Analysis } from '../../analyses/analysis.ts';
import { defaultsOf, type ParameterValues, questionOf, severityOf } from '../../analyses/question.ts';
import { Detector } from '../../detect/detector.ts';
import { RULE_NAMES } from '../../detect/rule-names.ts';
import type { Signal } from '../../detect/signal.ts';
import { mixedHour } from '../analyses/mix.ts';
import { BEGIN, type Traffic, WINDOW } from '../analyses/traffic.ts';
import { TRUTHS } from '../analyses/truth.ts';
import {
  removeFolder,
  search,
  startTestService,
  type TestService,
  temporaryFolder,
  upload,
} from '../logservice/harness.ts';
import { analysisNamed, CATALOGUE } from './catalogue.ts';
import { observedOf } from './observed-log.ts';
import { LOW_THRESHOLDS, randomHour } from './random-traffic.ts';

const SEEDS = [1, 2];
const TRAFFIC: ReadonlyMap<string, Traffic> = new Map([
  ['mixed', mixedHour()],
  ...SEEDS.map((seed) => [`random-${seed}`, randomHour(seed)] as const),
]);
/** Minutes of the hour whose ends are compared: before, within and after what happens, and at ends of spans. */
const MINUTES = [1, 5, 11, 15, 16, 37, 60];

const folder = temporaryFolder();
let service: TestService;

beforeAll(async () => {
  service = await startTestService(folder, { topics: [...TRAFFIC.keys()].map((id) => ({ id })) });
  for (const [topic, { logs }] of TRAFFIC) await upload(service, [{ logs }], topic);
});
afterAll(async () => {
  await service.stop();
  removeFolder(folder);
});

interface Row {
  readonly subject: Record<string, unknown>;
  readonly figures: Record<string, unknown>;
  readonly severity: string | undefined;
}

/** Seconds, in which the span that a window belongs to begins. */
function spanStartOf({ name, finding }: Analysis, values: ParameterValues, windowStart: number): number {
  const span = finding!.span;
  if (span === 'window') return windowStart;
  const seconds = typeof span === 'string' ? values[span]! : span;
  return name === 'new-peer' ? windowStart - seconds : windowStart - (windowStart % seconds);
}

/** Rows of the query over the records of the span up to the end of the window. */
async function queried(analysis: Analysis, values: ParameterValues, topic: string, minute: number): Promise<Row[]> {
  const windowEnd = BEGIN + minute * WINDOW;
  const from = spanStartOf(analysis, values, windowEnd - WINDOW) * 1000 + 1;
  const query = questionOf(analysis, values, windowEnd);
  const found = await search(service, query, { topic_id: topic, from, to: windowEnd * 1000, limit: 10_000 });
  expect([found.status, found.json['errormessage']]).toEqual([200, undefined]);
  return found.rows.map((cells) => {
    const row = Object.fromEntries(found.columns.map((column, index) => [column, cells[index]]));
    return rowOf(analysis, row, severityOf(analysis, row));
  });
}

function rowOf({ records }: Analysis, row: Readonly<Record<string, unknown>>, severity: string | undefined): Row {
  const isOfSubject = ([column]: [string, unknown]) => records!.includes(`\${${column}}`);
  const cells = Object.entries(row).map(([column, cell]): [string, unknown] => [column, rounded(cell)]);
  return {
    subject: Object.fromEntries(cells.filter((cell) => isOfSubject(cell))),
    figures: Object.fromEntries(cells.filter((cell) => !isOfSubject(cell))),
    severity,
  };
}

/** Sums of floating-point numbers differ in their last digits with the order. */
function rounded(cell: unknown): unknown {
  return typeof cell === 'number' ? Number(cell.toPrecision(10)) : cell;
}

/** Signals of each end of a window, with the columns that the query of their rule has. */
function observed(traffic: Traffic, values: Readonly<Record<string, ParameterValues>>): readonly (readonly Signal[])[] {
  const detector = new Detector(CATALOGUE, { rules: RULE_NAMES, values });
  const windows = new Map<number, ReturnType<typeof observedOf>[]>();
  for (const { contents } of traffic.logs) {
    if (contents['log-status'] !== 'OK') continue;
    const start = Number(contents['start']);
    windows.set(start, [...(windows.get(start) ?? []), observedOf(contents)]);
  }
  return Array.from({ length: 60 }, (_, minute) => {
    const start = BEGIN + minute * WINDOW;
    for (const record of windows.get(start) ?? []) detector.observe(record);
    return detector.close({ start, end: start + WINDOW });
  });
}

function rowsOf(signals: readonly Signal[], analysis: Analysis): Row[] {
  return signals
    .filter(({ rule }) => rule === analysis.name)
    .map(({ subject, figures, since, until, severity }) => {
      const times = Object.entries({ since, until }).filter(([column]) => column in analysis.columns);
      return rowOf(analysis, { ...subject, ...figures, ...Object.fromEntries(times) }, severity);
    });
}

const inOrder = (rows: readonly Row[]) =>
  rows.toSorted((left, right) => (JSON.stringify(left.subject) < JSON.stringify(right.subject) ? -1 : 1));

describe.each([...TRAFFIC])('in %s traffic', (topic, traffic) => {
  const isRandom = topic !== 'mixed';
  const changed = isRandom ? LOW_THRESHOLDS : {};
  const ends = observed(traffic, changed);

  test.each(RULE_NAMES)('%s is found by both, with the same figures', async (name) => {
    const analysis = analysisNamed(name);
    const values = { ...defaultsOf(analysis), ...changed[name] };
    let rows = 0;
    for (const minute of MINUTES) {
      const expected = await queried(analysis, values, topic, minute);
      expect(inOrder(rowsOf(ends[minute - 1]!, analysis)), `at minute ${minute}`).toEqual(inOrder(expected));
      rows += expected.length;
    }
    expect(rows).toBeGreaterThan(0);
  });

  test('no signal is coarse', () => {
    expect(ends.flat().filter(({ isCoarse }) => isCoarse)).toEqual([]);
  });
});

test('every analysis that says how it becomes a finding is observed, and has a known truth', () => {
  const named = CATALOGUE.filter(({ finding }) => finding !== undefined).map(({ name }) => name);
  expect([...RULE_NAMES].toSorted()).toEqual(named.toSorted());
  expect(named.filter((name) => !(name in TRUTHS))).toEqual([]);
});
