import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EXPORTER_STATES } from '../../../agent/export/exporter.ts';
import { renderMetric, renderMetrics } from '../../../agent/telemetry/exposition.ts';
import type { FindingsStatus } from '../../../agent/telemetry/findings-status.ts';
import type { LogServiceStatus } from '../../../agent/telemetry/log-service-status.ts';
import type { Metric } from '../../../agent/telemetry/metric.ts';
import { EXPORTER_STATE_LABELS, METRICS, withMetricsTable } from '../../../agent/telemetry/metrics.ts';
import {
  ETH0,
  observationPoint,
  RECORDER,
  StatusWorld,
  TRANSLATIONS,
  VARIED_OFFERED,
  variedLedger,
} from '../../support/agent-status.ts';

const promtool = spawnSync('promtool', ['--version']).error === undefined;
if (!promtool) process.stderr.write('exposition: promtool skipped: it is not installed (apt install prometheus)\n');

/** An agent of two interfaces in which every metric has a sample. */
function busyAgent() {
  const world = new StatusWorld([ETH0, observationPoint('wg-é')]);
  world.close(0, variedLedger(), 99);
  world.collector.recorder(RECORDER);
  world.collector.translations(TRANSLATIONS);
  Object.assign(world.exporter, { deliveredBatches: 4, deliveredBytes: 4096, attempts: 6, retries: 1, blocked: 1 });
  Object.assign(world.spool, { batches: 2, bytes: 8192, oldestAgeSeconds: 61 });
  return world.collector.read();
}

const probe = (help: string, labels: readonly string[]): Metric => ({
  name: 'probe',
  type: 'gauge',
  unit: '',
  labels,
  help,
  samples: () => [],
});

/** `{name{labels} value}` of the text, by `name{labels}`. */
function samplesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

/** Paths of what is a number, or a tally, or can be one and is null; those of maps by a rule's or a reason's name are theirs. */
function numberPaths(value: unknown, path = ''): Set<string> {
  if (typeof value === 'number' || (value === null && /(?:Seconds|Age\w*)$/.test(path))) return new Set([path]);
  if (Array.isArray(value)) return new Set(value.flatMap((item) => [...numberPaths(item, `${path}[]`)]));
  if (typeof value !== 'object' || value === null || MAPS.test(path)) return new Set();
  if ('packets' in value && 'bytes' in value && Object.keys(value).length === 2) return new Set([path]);
  return new Set(
    Object.entries(value).flatMap(([name, part]) => [...numberPaths(part, path === '' ? name : `${path}.${name}`)]),
  );
}

const MAPS = /\.(?:excluded|excludedPeers|gapSeconds)$/;

const FINDINGS: FindingsStatus = {
  open: { low: 0, medium: 2, high: 1, critical: 0 },
  opened: 5,
  repeated: 1,
  closed: 3,
  suppressed: 4,
  evictedOpen: 0,
  evictedClosed: 0,
  missedEvents: 0,
  skippedEvents: 0,
  looked: {
    records: 9,
    skipped: 1,
    skippedWindows: 1,
    ahead: 1,
    invalidAddresses: 1,
    invalidNumbers: 1,
    invalidTimes: 1,
    late: 1,
    subjectsEvicted: 1,
    unreported: 1,
  },
  droppedRecords: 0,
  webhook: {
    pendingEvents: 1,
    deliveredEvents: 2,
    failedAttempts: 3,
    rejectedEvents: 0,
    droppedEvents: 0,
    lastError: 'answer 500',
  },
};

const LOG_SERVICE: LogServiceStatus = {
  state: 'running',
  url: null,
  storeFolder: '/store',
  sinceSeconds: 1,
  restarts: 0,
  lastError: null,
};

/** What an exporter knows once it has delivered something. */
const DELIVERED = { lastDeliveredSeconds: 1, deliveredUntilSeconds: 2, clockAheadSeconds: 3 };

describe('the exposition', () => {
  test('of a ledger is exactly this', () => {
    const text = renderMetrics(busyAgent());
    const from = text.indexOf('# HELP flowlogd_packets_total');
    expect(text.slice(from, text.indexOf('# HELP flowlogd_bytes_total'))).toBe(
      `# HELP flowlogd_packets_total Packets offered, by outcome: the sum over outcome is all traffic of the interface.
# TYPE flowlogd_packets_total counter
flowlogd_packets_total{interface="eth0",outcome="metered"} 1000
flowlogd_packets_total{interface="eth0",outcome="excluded"} 8
flowlogd_packets_total{interface="eth0",outcome="not_ip"} 11
flowlogd_packets_total{interface="eth0",outcome="malformed"} 13
flowlogd_packets_total{interface="eth0",outcome="overflowed"} 17
flowlogd_packets_total{interface="eth0",outcome="dropped_by_kernel"} 19
flowlogd_packets_total{interface="eth0",outcome="dropped_by_interface"} 23
flowlogd_packets_total{interface="wg-é",outcome="metered"} 0
flowlogd_packets_total{interface="wg-é",outcome="excluded"} 0
flowlogd_packets_total{interface="wg-é",outcome="not_ip"} 0
flowlogd_packets_total{interface="wg-é",outcome="malformed"} 0
flowlogd_packets_total{interface="wg-é",outcome="overflowed"} 0
flowlogd_packets_total{interface="wg-é",outcome="dropped_by_kernel"} 0
flowlogd_packets_total{interface="wg-é",outcome="dropped_by_interface"} 0
`,
    );
    expect(text).toContain('flowlogd_excluded_packets_total{interface="eth0",rule="back\\"up"} 5\n');
    expect(text).toContain('flowlogd_coarsened_packets_total{interface="eth0"} 7\n');
    expect(text).toContain('flowlogd_coarsened_keys_total{interface="eth0"} 5\n');
    expect(text).toContain('flowlogd_unaccounted_packets{interface="eth0"} 0\n');
    expect(text).toContain('flowlogd_windows_total{interface="eth0",status="SKIPDATA"} 1\n');
    expect(text).toContain(
      'flowlogd_exporter_state{sink="cls",state="idle"} 1\nflowlogd_exporter_state{sink="cls",state="sending"} 0\n',
    );
    expect(text).toContain('flowlogd_build_info{version="1.2.3"} 1\n');
    expect(text.endsWith('\n')).toBe(true);
  });

  test('of the outcomes adds up to what was offered', () => {
    const status = busyAgent();
    const packets = [...samplesOf(renderMetrics(status))].filter(([name]) => name.startsWith('flowlogd_packets_total'));
    expect(packets.reduce((sum, [, value]) => sum + value, 0)).toBe(VARIED_OFFERED);
  });

  test('escapes backslashes, line feeds and, in labels alone, quotes', () => {
    const metric = probe('a "quote", a \\ and a\nline', ['path', 'word']);
    expect(renderMetric(metric, [{ labels: ['C:\\x\n"y"', ''], value: 1 }])).toBe(
      `# HELP probe a "quote", a \\\\ and a\\nline\n# TYPE probe gauge\nprobe{path="C:\\\\x\\n\\"y\\"",word=""} 1\n`,
    );
  });

  test('writes numbers as Prometheus reads them, and nothing for a metric without samples', () => {
    const values = [0, 1.5, 2 ** 53 - 1, 1e21, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
    const text = renderMetric(
      probe('x', []),
      values.map((value) => ({ labels: [], value })),
    );
    const written = text.split('\n').slice(2, -1);
    expect(written).toEqual(
      ['0', '1.5', '9007199254740991', '1e+21', '+Inf', '-Inf', 'NaN'].map((number) => `probe ${number}`),
    );
    expect(renderMetric(probe('x', []), [])).toBe('');
  });

  test('has every metric of the list once, with all of its labels', () => {
    const status = {
      ...busyAgent(),
      logService: LOG_SERVICE,
      findings: FINDINGS,
      sinks: [{ ...busyAgent().exporter, ...DELIVERED }],
    };
    const text = renderMetrics(status);
    for (const { name, type } of METRICS) expect(text.split(`# TYPE ${name} ${type}\n`), name).toHaveLength(2);
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(samplesOf(text).size).toBe(samples.length);
    expect(() => renderMetric(probe('x', ['one']), [{ labels: [], value: 1 }])).toThrow(RangeError);
  });

  test.skipIf(!promtool)('passes promtool check metrics', () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: renderMetrics({ ...busyAgent(), sinks: [{ ...busyAgent().exporter, ...DELIVERED }] }),
      encoding: 'utf8',
    });
    expect(`${stdout}${stderr}`).toBe('');
    expect(status).toBe(0);
  });
});

describe('the metrics', () => {
  test('are named once each, by the rules of Prometheus', () => {
    expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length);
    for (const { name, type, help, labels } of METRICS) {
      expect(name).toMatch(/^(?:flowlogd|process|nodejs)_[a-z_]+[a-z]$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(help, name).toMatch(/\.$|: raise table\.flowsMax\.$/);
      for (const label of labels) expect(label).toMatch(/^[a-z_]+$/);
    }
  });

  test('have a help that is a sentence, and the unit that their name has', () => {
    for (const { name, member, unit, help } of METRICS) {
      expect(help, name).toMatch(/^[A-Z1].*\.$/s);
      if (member !== undefined) expect(unit, name).not.toBe('');
      if (unit === 'bytes' || unit === 'seconds') expect(name).toMatch(new RegExp(`_${unit}(?:_|$)`));
    }
  });

  test('are all numbers of the status, and each number of the status is one of them or stands in the docs', () => {
    const page = readFileSync(resolve('docs/operations.md'), 'utf8');
    const paths = numberPaths({ ...busyAgent(), logService: LOG_SERVICE, findings: FINDINGS });
    const members = METRICS.flatMap(({ member }) => member ?? []);
    expect(members.filter((member) => !paths.has(member))).toEqual([]);
    const others = [...paths].filter((path) => !members.includes(path));
    expect(others.filter((path) => !new RegExp(`[\`.]${path.slice(path.lastIndexOf('.') + 1)}\``).test(page))).toEqual(
      [],
    );
    expect(others.length).toBeGreaterThan(10);
  });

  test('know every state of the exporter', () => {
    expect(EXPORTER_STATE_LABELS).toEqual(EXPORTER_STATES);
  });

  test('stand in docs/operations.md as they are listed: npm run docs', () => {
    const page = readFileSync(resolve('docs/operations.md'), 'utf8');
    expect(page).toBe(withMetricsTable(page));
    for (const { name } of METRICS) expect(page).toContain(`| \`${name}\` |`);
  });
});
