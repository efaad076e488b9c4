/** monitoring/cls/grafana-dashboard.json: the catalogue as panels of Tencent's data source for Grafana. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { renderClsDashboard } from '../../agent/analysis/cls-dashboard.ts';
import { type OutputColumn, outputColumns } from '../../agent/analysis/output-columns.ts';
import { readCatalogue } from '../../analyses/catalogue.ts';
import { FIELDS } from '../../schema/fields.ts';
import { readCls } from '../support/cls-grammar.ts';

interface GridPosition {
  readonly h: number;
  readonly w: number;
  readonly x: number;
  readonly y: number;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly timeFrom?: string;
  readonly gridPos: GridPosition;
  readonly collapsed?: boolean;
  readonly panels?: readonly Panel[];
  readonly datasource: object;
  readonly targets: readonly Target[];
  readonly fieldConfig?: {
    readonly defaults: { readonly displayName?: string; readonly links?: readonly { url: string }[] };
  };
  readonly transformations?: readonly { readonly id: string; readonly options: Readonly<Record<string, unknown>> }[];
  readonly options: { readonly reduceOptions?: { readonly fields: string } };
}

interface Target {
  readonly refId: string;
  readonly datasource: object;
  readonly serviceType: string;
  readonly logServiceParams: {
    readonly region: string;
    readonly TopicId: string;
    readonly Query: string;
    readonly SyntaxRule: number;
    readonly format: string;
    readonly MaxResultNum: number;
    readonly TimeZone: string;
  };
}

/** In the words of Grafana. */
const variable = (name: string) => `\${${name}}`;
const TEXT = readFileSync(resolve('monitoring/cls/grafana-dashboard.json'), 'utf8');
const DASHBOARD = JSON.parse(TEXT) as {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { name: string; type: string; query: unknown; current: { value?: string } }[];
  };
};
const CATALOGUE = readCatalogue(resolve('analyses'));
const ROWS = DASHBOARD.panels.filter(({ type }) => type === 'row');
const DRAWN = DASHBOARD.panels.flatMap((panel) => (panel.type === 'row' ? panel.panels! : [panel]));
const ANALYSES = DRAWN.filter(({ description }) => description.includes('docs/analyses.md: '));
const nameOf = ({ description }: Panel) => /docs\/analyses\.md: ([\w-]+)\.$/.exec(description)![1]!;
const queryOf = ({ targets }: Panel) => targets[0]!.logServiceParams.Query;
/** As CLS gets it: with values where Grafana has variables. */
const asked = (query: string) =>
  query.replaceAll(variable('step'), '300').replaceAll(variable('__to:date:seconds'), '1700000000');
const columnsOf = (panel: Panel): readonly OutputColumn[] =>
  outputColumns(asked(queryOf(panel)).replace(/^.*?\|/s, ''));
const namesOf = (panel: Panel) => columnsOf(panel).map(({ name }) => name);

test('it is the catalogue; npm run docs writes it', () => {
  expect(TEXT).toBe(renderClsDashboard(CATALOGUE));
});

test('each analysis is one panel', () => {
  expect(ANALYSES.map(nameOf).toSorted()).toEqual(CATALOGUE.map(({ name }) => name).toSorted());
  expect(DRAWN.length).toBe(CATALOGUE.length + 2);
});

describe.each(DRAWN)('$title', (panel) => {
  test('asks the topic that is chosen, in the members that the data source reads', () => {
    const source = { type: 'tencent-cls-grafana-datasource', uid: variable('datasource') };
    expect(panel.datasource).toEqual(source);
    const [{ logServiceParams, ...target }, ...others] = panel.targets as [Target, ...Target[]];
    expect(others).toEqual([]);
    expect(target).toEqual({ refId: 'A', datasource: source, serviceType: 'logService' });
    expect(logServiceParams).toMatchObject({
      region: variable('region'),
      TopicId: variable('topic'),
      SyntaxRule: 1,
      TimeZone: 'UTC',
    });
    expect(['Graph', 'Table', 'Log']).toContain(logServiceParams.format);
    expect(logServiceParams.MaxResultNum).toBeGreaterThan(0);
  });

  test('says what it shows, in sentences', () => {
    expect(panel.description).toMatch(/^[A-Z].*\.$/);
  });

  test('names no variable that the dashboard does not have', () => {
    const known = ['__to', '__data', '__url_time_range', ...DASHBOARD.templating.list.map(({ name }) => name)];
    const named = [...JSON.stringify(panel).matchAll(/\$\{?(\w+)/g)].map(([, name]) => name!);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe.each(ANALYSES)('the panel $title', (panel) => {
  const analysis = CATALOGUE.find(({ name }) => name === nameOf(panel))!;

  test('asks what CLS documents, and lets the data source limit its rows', () => {
    readCls(asked(queryOf(panel)));
    // The data source adds MaxResultNum where it reads no such word.
    expect(queryOf(panel)).not.toMatch(/limit/);
  });

  test('looks back as the analysis does', () => {
    expect(panel.timeFrom ?? '1h').toBe(analysis.since);
  });

  test('has its times in milliseconds', () => {
    for (const { name, expression } of columnsOf(panel)) {
      const isTime = analysis.columns[name]?.endsWith('Unix seconds.') ?? false;
      expect([name, expression.endsWith('* 1000')]).toEqual([name, isTime]);
    }
  });

  test('draws columns that its query has', () => {
    const { displayName = '', links = [] } = panel.fieldConfig!.defaults;
    const fields = [
      ...`${displayName} ${links.map(({ url }) => url).join(' ')}`.matchAll(/__data\.fields(?:\.(\w+)|\["([^"]+)"\])/g),
    ];
    const named = fields.map(([, plain, quoted]) => plain ?? quoted!);
    const reduced = /^\/\^(.+)\$\/$/.exec(panel.options.reduceOptions?.fields ?? '')?.[1];
    const matrix = panel.transformations?.find(({ id }) => id === 'groupingToMatrix')?.options ?? {};
    const all = [...named, ...(reduced === undefined ? [] : [reduced]), ...(Object.values(matrix) as string[])];
    expect(all.filter((name) => !namesOf(panel).includes(name))).toEqual([]);
    const leads = analysis.records !== undefined && ['table', 'bar'].includes(analysis.chart);
    expect(links.length).toBe(leads ? 1 : 0);
  });

  test('leads from a row to its records, by a condition that CLS documents', () => {
    for (const { url } of panel.fieldConfig!.defaults.links ?? []) {
      const [, condition = ''] = /&var-records=(.+)$/.exec(url)!;
      const filled = condition.replaceAll(/\$\{__data\.fields[^}]*\}/g, '1');
      expect(decodeURIComponent(filled)).toBe(
        analysis.records!.replaceAll(/([\w-]+):\$\{[\w-]+\}/g, (_, field: string) => {
          const isNumber = FIELDS.some(({ name, type }) => name === field && type === 'integer');
          return isNumber ? `${field}:1` : `${field}:"1"`;
        }),
      );
      readCls(decodeURIComponent(filled));
      expect(url).toContain(`/d/${DASHBOARD.uid}?`);
    }
  });
});

test('lines are drawn over time', () => {
  const lines = ANALYSES.filter(({ type }) => type === 'timeseries');
  expect(lines.map(nameOf).toSorted()).toEqual(['completeness', 'timeline']);
  for (const { transformations } of lines)
    expect(transformations![0]).toEqual({
      id: 'convertFieldType',
      options: { conversions: [{ targetField: 'since', destinationType: 'time' }] },
    });
});

test('its variables are asked of the data source, but for step and records', () => {
  const types = DASHBOARD.templating.list.map(({ name, type }) => [name, type]);
  expect(Object.fromEntries(types)).toEqual({
    datasource: 'datasource',
    region: 'query',
    topic: 'query',
    step: 'custom',
    records: 'textbox',
  });
  const steps = String(DASHBOARD.templating.list.find(({ name }) => name === 'step')!.query).split(', ');
  for (const step of steps) expect(step).toMatch(/^1? ?\d* ?(minutes?|hour|day) : \d+$/);
});

describe('its grid', () => {
  /** Whether two of them take the same place. */
  function overlaps(panels: readonly Panel[]): boolean {
    const taken = panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: h * w }, (_, index) => `${x + (index % w)} ${y + Math.floor(index / w)}`),
    );
    return new Set(taken).size < taken.length;
  }

  test('has no panel over another, and none beyond its 24 columns', () => {
    expect(overlaps(DASHBOARD.panels)).toBe(false);
    for (const { panels = [] } of ROWS) expect(overlaps(panels)).toBe(false);
    for (const { title, gridPos } of [...DASHBOARD.panels, ...DRAWN])
      expect([title, gridPos.x + gridPos.w <= 24]).toEqual([title, true]);
  });

  test('has the panels of a row below it, and each id once', () => {
    for (const { gridPos, panels = [] } of ROWS)
      for (const panel of panels) expect(panel.gridPos.y).toBeGreaterThan(gridPos.y);
    const ids = [...ROWS, ...DRAWN].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('opens with five searches: the rest is asked when its row is opened', () => {
    const open = DASHBOARD.panels.filter(({ type }) => type !== 'row');
    expect(open.length).toBe(5);
    expect(ROWS.filter(({ collapsed }) => collapsed).length).toBe(3);
  });
});
