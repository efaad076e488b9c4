import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { schemaFor } from '../../agent/config/schema.ts';
import { SINKS } from '../../agent/export/sinks.ts';
import { EXPORTER_STATE_LABELS, METRICS } from '../../agent/telemetry/metrics.ts';
import { PROBLEM_CODES } from '../../agent/telemetry/problems.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const FOLDER = new URL('../../monitoring/', import.meta.url).pathname;
const RUNBOOK = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const promtool = spawnSync('promtool', ['--version']).error === undefined;
if (!promtool) process.stderr.write('monitoring: promtool skipped: it is not installed (apt install prometheus)\n');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly knob: string };
}

interface Panel {
  readonly title: string;
  readonly description?: string;
  readonly type: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly expr: string; readonly refId: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

const rules = (
  parse(readFileSync(join(FOLDER, 'alerts.yaml'), 'utf8')) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(readFileSync(join(FOLDER, 'grafana-dashboard.json'), 'utf8')) as Dashboard;
const drawn = dashboard.panels.filter(({ type }) => type !== 'row');

/** Of Prometheus itself: whether the last scrape worked. */
const OTHER_METRICS = { up: ['job', 'instance'] };
/** What a scrape puts on every sample. */
const SCRAPE_LABELS = ['job', 'instance'];
const labelsOf = new Map<string, readonly string[]>([
  ...METRICS.map(({ name, labels }) => [name, labels] as const),
  ...Object.entries(OTHER_METRICS),
]);

/** Words of PromQL that are no metric: functions, operators, their modifiers. */
const WORDS = new Set(['unless', 'abs', 'by', 'increase', 'max', 'min', 'rate', 'sum', 'time']);

/** The metrics of an expression with the labels that they are chosen by. */
function selectorsOf(expr: string): { name: string; labels: { name: string; value: string }[] }[] {
  const grouped = expr.replace(/\b(?:by|on) \([^)]*\)/g, '');
  return [...grouped.matchAll(/([a-z_][a-z0-9_]*)\s*(?:\{([^}]*)\})?(?!["\w])/g)]
    .filter(([, name = ''], index, all) => !WORDS.has(name) && !isInside(grouped, all[index]!.index))
    .map(([, name = '', labels = '']) => ({
      name,
      labels: [...labels.matchAll(/(\w+)\s*(?:=~|!=|=)\s*"([^"]*)"/g)].map(([, label = '', value = '']) => ({
        name: label,
        value,
      })),
    }));
}

const namesIn = (expr: string) => selectorsOf(expr).map(({ name }) => name);

/** Whether a place lies in a range, such as [15m] or [$__rate_interval]. */
function isInside(expr: string, at: number): boolean {
  return expr.lastIndexOf('[', at) > expr.lastIndexOf(']', at);
}

function checkExpression(expr: string): void {
  const selectors = selectorsOf(expr);
  expect(selectors.length, expr).toBeGreaterThan(0);
  for (const { name, labels } of selectors) {
    const known = labelsOf.get(name);
    expect(known, `${name} in ${expr}`).toBeDefined();
    for (const label of labels) {
      expect([...known!, ...SCRAPE_LABELS], `${label.name} of ${name}`).toContain(label.name);
      if (label.name === 'state') expect(EXPORTER_STATE_LABELS).toContain(label.value);
    }
  }
  const groupings = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/));
  const available = [...SCRAPE_LABELS, ...selectors.flatMap(({ name }) => labelsOf.get(name) ?? [])];
  for (const label of groupings) expect(available, expr).toContain(label);
}

/** Every option and section of the configuration, as a path without the numbers of lists. */
function optionPaths(node: unknown, path: string): string[] {
  const { fields, item, types } = node as { fields?: Record<string, unknown>; item?: unknown; types?: object };
  if (types !== undefined) return Object.values(types).flatMap((type) => optionPaths(type, `${path}.NAME`));
  if (item !== undefined) return [`${path}[]`, ...optionPaths(item, `${path}[]`)];
  if (fields === undefined) return [path];
  const inside = Object.entries(fields);
  return [path, ...inside.flatMap(([name, field]) => optionPaths(field, path === '' ? name : `${path}.${name}`))];
}

describe('the alert rules', () => {
  test.each(rules.map((rule) => [rule.alert, rule] as const))('%s asks for metrics that there are', (_, { expr }) => {
    checkExpression(expr);
  });

  test('name the knob to turn, and no option that there is not', () => {
    const options = new Set(optionPaths(schemaFor(SINKS), '').flatMap((path) => [path, path.replace(/\[\]$/, '')]));
    expect(options).toContain('table.flowsMax');
    let named = 0;
    for (const { alert, annotations, labels } of rules) {
      expect(annotations.knob.length, alert).toBeGreaterThan(10);
      expect(annotations.summary, alert).toContain('{{ $labels.instance }}');
      expect(['critical', 'warning'], alert).toContain(labels.severity);
      for (const [path] of annotations.knob.matchAll(
        /\b(?:capture|table|exclude|spool|sinks\.NAME|telemetry|flowLogs\[\])\.[a-zA-Z]+\b/g,
      )) {
        expect([...options], `${alert}: ${path}`).toContain(path);
        named += 1;
      }
    }
    expect(named).toBeGreaterThan(10);
  });

  test('stand in the runbook, each with its symptom', () => {
    const inRunbook = [...RUNBOOK.matchAll(/^\| .*`(Flowlogd\w+)`/gm)].map(([, name]) => name);
    expect(inRunbook.sort()).toEqual(rules.map(({ alert }) => alert).sort());
  });

  test('leave out no problem that the status knows', () => {
    const [, runbook = ''] = /## Runbook\n(.*?)\n## /s.exec(RUNBOOK) ?? [];
    for (const code of Object.keys(PROBLEM_CODES)) expect(runbook).toContain(`problem \`${code}\``);
  });

  test('have a case in which they fire and one in which they are quiet', () => {
    const { tests } = parse(readFileSync(join(FOLDER, 'alerts.test.yaml'), 'utf8')) as { tests: { name: string }[] };
    const cases = rules.flatMap(({ alert }) => [`${alert} fires`, `${alert} is quiet`]);
    expect(tests.map(({ name }) => name).sort()).toEqual(cases.sort());
  });

  test.skipIf(!promtool)('pass promtool, and fire when they must', () => {
    for (const words of [
      ['check', 'rules', 'alerts.yaml'],
      ['test', 'rules', 'alerts.test.yaml'],
    ]) {
      const { status, stdout, stderr } = spawnSync('promtool', words, { cwd: FOLDER, encoding: 'utf8' });
      expect(status, stdout + stderr).toBe(0);
    }
  });
});

describe('the dashboard', () => {
  test('asks for metrics that there are, in every panel', () => {
    expect(drawn.length).toBeGreaterThan(15);
    for (const { title, description, targets } of drawn) {
      expect(description, title).toMatch(/\.$/);
      for (const { expr } of targets!) checkExpression(expr);
    }
    const asked = dashboard.templating.list.flatMap(({ definition }) =>
      definition === undefined ? [] : [/label_values\((.*), \w+\)/.exec(definition)![1]!],
    );
    for (const expr of asked) checkExpression(expr);
  });

  test('shows each metric that an alert is about', () => {
    const shown = new Set(drawn.flatMap(({ targets }) => targets!.flatMap(({ expr }) => namesIn(expr))));
    const alerted = rules.flatMap(({ expr }) => namesIn(expr)).filter((name) => name.startsWith('flowlogd_'));
    expect(alerted.length).toBeGreaterThan(15);
    expect(alerted.filter((name) => !shown.has(name))).toEqual([]);
  });

  test('has panels that do not overlap and lie within its 24 columns', () => {
    const taken = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`), title).toBe(false);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });

  test.skipIf(!promtool)('has expressions that Prometheus can read', () => {
    const expressions = drawn.flatMap(({ targets }) =>
      targets!.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m')),
    );
    const names = expressions.map((expr, index) => ({ record: `probe_${index}`, expr }));
    const path = join(temporaryFolder(), 'rules.json');
    writeFileSync(path, JSON.stringify({ groups: [{ name: 'probe', rules: names }] }));
    const words = ['check', 'rules', '--lint=none', path];
    const { status, stdout, stderr } = spawnSync('promtool', words, { encoding: 'utf8' });
    expect(status, stdout + stderr).toBe(0);
  });
});
