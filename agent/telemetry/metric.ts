/** What one metric is, and how it is written down. */
import type { AgentStatus } from './agent-status.ts';

export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  /** What one is counted in; empty for a state. */
  readonly unit: string;
  readonly labels: readonly string[];
  readonly help: string;
  /** The number of the status that it is: `recorder.batches`. */
  readonly member?: string;
  readonly samples: (status: AgentStatus) => readonly Sample[];
}

export interface Sample {
  /** In the order of the metric's labels. */
  readonly labels: readonly string[];
  readonly value: number;
}

export type Read = Metric['samples'];

export function counter(
  name: string,
  unit: string,
  help: string,
  samples: Read,
  labels: readonly string[] = [],
): Metric {
  return { name, type: 'counter', unit, labels, help, samples };
}

export function gauge(name: string, unit: string, help: string, samples: Read, labels: readonly string[] = []): Metric {
  return { name, type: 'gauge', unit, labels, help, samples };
}

export function one(value: number, ...labels: readonly string[]): Sample {
  return { labels, value };
}
