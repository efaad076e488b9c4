/**
 * monitoring/cls/grafana-dashboard.json: the catalogue as a dashboard over Tencent's data source for Grafana. Each analysis is one panel. Only what
 * stands on top asks when the dashboard opens: Cloud Log Service runs few searches of one topic at a time, so the other rows are collapsed.
 */
import { type Analysis, USE_CASES } from '../../analyses/analysis.ts';
import { useCases } from '../../analyses/catalogue.ts';
import { COMPLETENESS_QUERY } from './completeness.ts';
import { analysisPanel, DATA_SOURCE, type Panel, type PanelShape, target, variable } from './dashboard-panels.ts';

const UID = 'flowlogd-cls';
const PLUGIN = 'tencent-cls-grafana-datasource';
const COLUMNS = 24;
/** Of the catalogue, in this order, beside the completeness. */
const OVERVIEW = ['timeline', 'top-talkers', 'protocols'];

export function renderClsDashboard(catalogue: readonly Analysis[]): string {
  return `${JSON.stringify(dashboardOf(catalogue), undefined, 2)}\n`;
}

function dashboardOf(catalogue: readonly Analysis[]) {
  const named = (name: string) => catalogue.find((analysis) => analysis.name === name)!;
  const others = catalogue.filter(({ name }) => !OVERVIEW.includes(name));
  const rows = [
    {
      title: 'Overview',
      isOpen: true,
      shapes: [lossPanel(), ...OVERVIEW.map((name) => analysisPanel(named(name), UID))],
    },
    ...useCases().map((useCase) => ({
      title: USE_CASES[useCase],
      isOpen: false,
      shapes: others.filter((each) => each.useCase === useCase).map((analysis) => analysisPanel(analysis, UID)),
    })),
    { title: 'Records', isOpen: true, shapes: [recordsPanel()] },
  ];
  return {
    uid: UID,
    title: 'flowlogd: records in Cloud Log Service',
    description:
      'The analyses of flowlogd over a topic of Cloud Log Service. Rendered from analyses/ by `npm run docs`.',
    tags: ['flowlogd'],
    schemaVersion: 38,
    version: 1,
    editable: true,
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    templating: { list: variables() },
    annotations: { list: [] },
    links: [],
    panels: placed(rows),
  };
}

interface Row {
  readonly title: string;
  readonly isOpen: boolean;
  readonly shapes: readonly PanelShape[];
}

/** One row under the other; a collapsed one holds its panels itself. */
function placed(rows: readonly Row[]): readonly Panel[] {
  const panels: Panel[] = [];
  let id = 0;
  let y = 0;
  for (const { title, isOpen, shapes } of rows) {
    const row = { id: ++id, type: 'row', title, collapsed: !isOpen, gridPos: { h: 1, w: COLUMNS, x: 0, y } };
    const inside = flowing(shapes, y + 1).map((panel) => ({ id: ++id, ...panel }));
    if (isOpen) panels.push({ ...row, panels: [] }, ...inside);
    else panels.push({ ...row, panels: inside });
    y = isOpen ? Math.max(...inside.map(({ gridPos }) => gridPos.y + gridPos.h)) : y + 1;
  }
  return panels;
}

/** From left to right, then below. */
function flowing(shapes: readonly PanelShape[], top: number) {
  let [x, y, height] = [0, top, 0];
  return shapes.map(({ width, height: h, ...panel }) => {
    if (x + width > COLUMNS) [x, y, height] = [0, y + height, 0];
    const gridPos = { h, w: width, x, y };
    [x, height] = [x + width, Math.max(height, h)];
    return { ...panel, gridPos };
  });
}

/** What every other panel is worth. */
function lossPanel(): PanelShape {
  return {
    width: COLUMNS,
    height: 4,
    type: 'stat',
    title: 'Completeness',
    description:
      'Windows with a ledger, those of which packets are missing, packets offered and lost, seconds not captured.',
    datasource: DATA_SOURCE,
    targets: [target(COMPLETENESS_QUERY, 'Table', 1)],
    fieldConfig: { defaults: { unit: 'short' }, overrides: [] },
    options: {
      reduceOptions: { calcs: ['lastNotNull'], fields: '/.*/', values: false },
      colorMode: 'none',
      graphMode: 'none',
      textMode: 'value_and_name',
    },
  };
}

/** Those behind a row: its link sets the variable. */
function recordsPanel(): PanelShape {
  return {
    width: COLUMNS,
    height: 12,
    type: 'logs',
    title: 'Records behind a row',
    description: 'Records that meet the condition in the variable; the link of a row in another panel fills it in.',
    datasource: DATA_SOURCE,
    targets: [target(variable('records:raw'), 'Log', 100)],
    options: { showTime: true, enableLogDetails: true, sortOrder: 'Descending', wrapLogMessage: true },
  };
}

/** In the order in which they are chosen. */
function variables() {
  const asked = (name: string, label: string, queryString: string) => ({
    name,
    label,
    type: 'query',
    datasource: DATA_SOURCE,
    query: { serviceType: 'cloudApi', queryString },
    definition: queryString,
    refresh: 1,
    sort: 1,
    current: {},
  });
  return [
    { name: 'datasource', label: 'Data source', type: 'datasource', query: PLUGIN, current: {} },
    asked('region', 'Region', 'ServiceType=region&Action=DescribeRegions&payload={"Product":"cls"}'),
    asked(
      'topic',
      'Topic',
      `Region=${variable('region')}&ServiceType=cls&Action=DescribeTopics&field=Topics&id=TopicId&name=TopicName`,
    ),
    {
      name: 'step',
      label: 'Step',
      type: 'custom',
      query: '1 minute : 60, 5 minutes : 300, 1 hour : 3600, 1 day : 86400',
      current: { text: '5 minutes', value: '300' },
    },
    {
      name: 'records',
      label: 'Records',
      type: 'textbox',
      query: 'log-status:OK',
      current: { text: 'log-status:OK', value: 'log-status:OK' },
    },
  ];
}
