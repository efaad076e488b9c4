/** Prometheus' text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */

import type { AgentStatus } from './agent-status.ts';
import { FORMER_METRICS } from './former-names.ts';
import type { Metric, Sample } from './metric.ts';
import { METRICS } from './metrics.ts';

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function renderMetrics(status: AgentStatus): string {
  return METRICS.map((metric) => {
    const samples = metric.samples(status);
    return renderMetric(metric, samples) + renderFormer(metric, samples);
  }).join('');
}

function renderFormer(metric: Metric, samples: readonly Sample[]): string {
  const name = FORMER_METRICS[metric.name];
  if (name === undefined) return '';
  return renderMetric({ ...metric, name, help: `Former name of ${metric.name}, until version 0.3.` }, samples);
}

/** Nothing at all for a metric without samples: its absence says that there is no value. */
export function renderMetric(metric: Metric, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const { name, help, type } = metric;
  const lines = samples.map(({ labels, value }) => `${name}${labelText(metric, labels)} ${numberText(value)}\n`);
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function labelText({ name, labels: names }: Metric, values: readonly string[]): string {
  if (names.length !== values.length) throw new RangeError(`${name} has ${names.length} labels, not ${values.length}`);
  if (names.length === 0) return '';
  return `{${names.map((label, index) => `${label}="${escapeLabel(values[index]!)}"`).join(',')}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

/** As Go's ParseFloat reads it, which knows infinity by another name than JavaScript. */
function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}
