/** Panels of Grafana over Tencent's data source, one for each kind of chart that the catalogue has. */
import type { Analysis, Chart } from '../../analyses/analysis.ts';
import { defaultsOf, isTime, questionWith } from '../../analyses/question.ts';
import { FIELDS } from '../../schema/fields.ts';
import { type OutputColumn, outputColumns, withOutputColumns } from './output-columns.ts';

/** In the words of Grafana. */
export function variable(name: string): string {
  return `\${${name}}`;
}

/** The variable of the dashboard. */
export const DATA_SOURCE = { type: 'tencent-cls-grafana-datasource', uid: variable('datasource') } as const;

interface GridPosition {
  readonly h: number;
  readonly w: number;
  readonly x: number;
  readonly y: number;
}

/** Whatever else Grafana knows of the kind. */
interface PanelContent {
  readonly type: string;
  readonly title: string;
  readonly [member: string]: unknown;
}

export type Panel = PanelContent & { readonly id: number; readonly gridPos: GridPosition };
/** Before it has its place. */
export type PanelShape = PanelContent & { readonly width: number; readonly height: number };

/** Variables of the dashboard that stand for parameters of every analysis that has them. */
const OWN_VARIABLES: Readonly<Record<string, string>> = {
  step: variable('step'),
  until: variable('__to:date:seconds'),
};
const NUMBERS: ReadonlySet<string> = new Set(FIELDS.filter(({ type }) => type === 'integer').map(({ name }) => name));
/** Rows that a panel shows, by its kind of chart. */
const ROWS: Readonly<Record<Chart, number>> = { table: 100, bar: 20, line: 5000, matrix: 400 };

/** @param format how the data source hands over what it got: `Table` as it is, `Log` whole logs */
export function target(query: string, format: 'Graph' | 'Table' | 'Log', rows: number) {
  return {
    refId: 'A',
    datasource: DATA_SOURCE,
    serviceType: 'logService',
    logServiceParams: {
      region: variable('region'),
      TopicId: variable('topic'),
      Query: query,
      SyntaxRule: 1,
      format,
      MaxResultNum: rows,
      TimeZone: 'UTC',
    },
  };
}

/** @param uid of the dashboard, which links of rows lead to */
export function analysisPanel(analysis: Analysis, uid: string): PanelShape {
  const columns = outputColumns(sqlOf(question(analysis)));
  const { chart, since, title } = analysis;
  return {
    width: chart === 'bar' || columns.length <= 6 ? 12 : 24,
    height: 9,
    title,
    description: descriptionOf(analysis),
    datasource: DATA_SOURCE,
    targets: [target(panelQuery(analysis), chart === 'bar' ? 'Graph' : 'Table', ROWS[chart])],
    ...(since === '1h' ? {} : { timeFrom: since }),
    ...CHART_PANELS[chart](analysis, columns, uid),
  };
}

/** Times in milliseconds, as Grafana has them. */
function panelQuery(analysis: Analysis): string {
  const whole = question(analysis);
  const sql = withOutputColumns(sqlOf(whole), ({ name, expression }) => {
    const label = /^\w+$/.test(name) ? name : `"${name}"`;
    if (isTime(analysis, name)) return `(${expression}) * 1000 as ${label}`;
    return expression === label ? label : `${expression} as ${label}`;
  });
  return restored(`${whole.slice(0, whole.indexOf('|'))}| ${sql}`);
}

/** What the tokens of SQL know no word for stands in it as such a name, until it is written. */
const PLACEHOLDER = /\bflowlogd_variable_(\w+)\b/g;

function question(analysis: Analysis): string {
  return questionWith(analysis, (name) =>
    name in OWN_VARIABLES ? `flowlogd_variable_${name}` : String(defaultsOf(analysis)[name]),
  );
}

function restored(query: string): string {
  return query.replace(PLACEHOLDER, (_, name: string) => OWN_VARIABLES[name]!);
}

function sqlOf(query: string): string {
  return query.slice(query.indexOf('|') + 1);
}

type ChartPanel = (
  analysis: Analysis,
  columns: readonly OutputColumn[],
  uid: string,
) => { readonly type: string; readonly [member: string]: unknown };

const CHART_PANELS: Readonly<Record<Chart, ChartPanel>> = {
  table: (analysis, columns, uid) => ({
    type: 'table',
    fieldConfig: { defaults: { links: recordLinks(analysis, uid) }, overrides: unitOverrides(analysis, columns) },
    options: { showHeader: true, cellHeight: 'sm' },
  }),
  bar: (analysis, columns, uid) => ({
    type: 'bargauge',
    fieldConfig: {
      defaults: {
        displayName: namingColumns(analysis).map(cellOf).join(' '),
        unit: unitOf(analysis, rankingColumn(analysis, columns)) ?? 'short',
        links: recordLinks(analysis, uid),
      },
      overrides: [],
    },
    options: {
      orientation: 'horizontal',
      displayMode: 'basic',
      reduceOptions: { values: true, limit: ROWS.bar, fields: `/^${rankingColumn(analysis, columns)}$/`, calcs: [] },
    },
  }),
  line: (analysis, columns) => ({
    type: 'timeseries',
    fieldConfig: {
      defaults: { unit: 'short', custom: { lineWidth: 1, fillOpacity: 10 } },
      overrides: unitOverrides(analysis, columns),
    },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
    transformations: [
      {
        id: 'convertFieldType',
        options: { conversions: columns.filter(({ name }) => isTime(analysis, name)).map(asTime) },
      },
      { id: 'prepareTimeSeries', options: { format: 'multi' } },
    ],
  }),
  matrix: (analysis, columns) => ({
    type: 'table',
    fieldConfig: { defaults: { unit: 'decbytes' }, overrides: [] },
    options: { showHeader: true, cellHeight: 'sm' },
    transformations: [
      {
        id: 'groupingToMatrix',
        options: {
          rowField: columns[0]!.name,
          columnField: columns[1]!.name,
          valueField: rankingColumn(analysis, columns),
        },
      },
    ],
  }),
};

function asTime({ name }: OutputColumn) {
  return { targetField: name, destinationType: 'time' };
}

/** That its rows are sorted by. */
function rankingColumn({ query }: Analysis, columns: readonly OutputColumn[]): string {
  const [, number = '1'] = /order by (\d+) desc/.exec(query) ?? [];
  return columns[Number(number) - 1]!.name;
}

/** That tell its rows apart: the ones by which their records are found. */
function namingColumns({ records = '' }: Analysis): readonly string[] {
  return [...new Set([...records.matchAll(/\$\{([\w-]+)\}/g)].map(([, name]) => name!))];
}

/** A link that fills in the variable `records`. */
function recordLinks({ records }: Analysis, uid: string) {
  if (records === undefined) return [];
  const kept = ['datasource', 'region', 'topic'].map((name) => variable(`${name}:queryparam`)).join('&');
  return [
    { title: 'Records behind this row', url: `/d/${uid}?\${__url_time_range}&${kept}&var-records=${encoded(records)}` },
  ];
}

/** A text is quoted: an address of IPv6 has colons, which are words of a condition. */
function encoded(records: string): string {
  return records
    .split(/([\w-]+:\$\{[\w-]+\})/)
    .map(encodedPart)
    .join('');
}

function encodedPart(part: string): string {
  const [, field = '', column] = /^([\w-]+):\$\{([\w-]+)\}$/.exec(part) ?? [];
  if (column === undefined) return encodeURIComponent(part);
  const value = cellOf(column).replace('}', ':percentencode}');
  return NUMBERS.has(field) ? `${field}:${value}` : `${field}:%22${value}%22`;
}

/** Of a row, in the words of Grafana. */
function cellOf(column: string): string {
  return variable(/^\w+$/.test(column) ? `__data.fields.${column}` : `__data.fields["${column}"]`);
}

function unitOverrides(analysis: Analysis, columns: readonly OutputColumn[]) {
  return columns.flatMap(({ name }) => {
    const unit = unitOf(analysis, name);
    if (unit === undefined) return [];
    return [{ matcher: { id: 'byName', options: name }, properties: [{ id: 'unit', value: unit }] }];
  });
}

/** As Grafana calls it. */
function unitOf(analysis: Analysis, column: string): string | undefined {
  const meaning = analysis.columns[column] ?? '';
  if (isTime(analysis, column)) return analysis.chart === 'line' ? undefined : 'dateTimeAsIso';
  if (/bytes/i.test(column) || /^Bytes\b/.test(meaning)) return 'decbytes';
  if (/microseconds/.test(meaning)) return 'µs';
  return undefined;
}

/** What it asks, what it needs, and its thresholds. */
function descriptionOf(analysis: Analysis): string {
  const { question: asked, needs, parameters } = analysis;
  const values = Object.entries(parameters)
    .filter(([name]) => !(name in OWN_VARIABLES))
    .map(([name, { default: value, unit }]) => `${name} ${value} ${unit}`);
  return [
    asked,
    ...(needs.length === 0 ? [] : [`Needs the fields ${needs.join(', ')}.`]),
    ...(values.length === 0 ? [] : [`Thresholds: ${values.join(', ')}.`]),
    `docs/analyses.md: ${analysis.name}.`,
  ].join(' ');
}
