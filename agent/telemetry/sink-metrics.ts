/** Metrics of the way from the spool to each sink; its name is their first label. */

import type { SinkStatus } from './agent-status.ts';
import { counter, gauge, type Metric, one, type Read, type Sample } from './metric.ts';

export const EXPORTER_STATE_LABELS = ['idle', 'sending', 'backing-off', 'blocked'] as const;

export const SINK_METRICS: readonly Metric[] = [
  gauge(
    'flowlogd_exporter_state',
    '',
    '1 for the state that the exporter is in, 0 for the others.',
    eachSink(({ state }) => EXPORTER_STATE_LABELS.map((label) => one(Number(label === state), label))),
    ['sink', 'state'],
  ),
  total('delivered_batches', 'batches', 'Batches that the log service has accepted.', (sink) => sink.deliveredBatches),
  total(
    'sent_batches',
    'batches',
    'Batches sent to a log service that acknowledges none.',
    ({ sentBatches }) => sentBatches,
  ),
  total(
    'delivered_bytes',
    'bytes',
    'Bytes of accepted and sent batches as the spool holds them.',
    ({ deliveredBytes }) => deliveredBytes,
  ),
  total('attempts', 'attempts', 'Uploads tried.', ({ attempts }) => attempts),
  total('retries', 'attempts', 'Uploads that failed and are tried again.', ({ retries }) => retries),
  total('blocked', 'attempts', 'Uploads rejected; operator action required.', ({ blocked }) => blocked),
  total(
    'split_batches',
    'batches',
    'Batches cut in two because they were too large for the log service.',
    ({ split }) => split,
  ),
  total(
    'partial_batches',
    'batches',
    'Uploads of which the log service accepted a part; the rest is pending.',
    ({ partial }) => partial,
  ),
  moment(
    'delivered_until_timestamp_seconds',
    'End of the latest window of which a batch was accepted, Unix time.',
    ({ deliveredUntilSeconds }) => deliveredUntilSeconds,
  ),
  moment(
    'clock_ahead_seconds',
    'What the clock of the log service shows more than ours, from its last answer.',
    ({ clockAheadSeconds }) => clockAheadSeconds,
  ),
  moment(
    'last_delivery_timestamp_seconds',
    'Latest acceptance by the log service in this run, Unix time.',
    ({ lastDeliveredSeconds }) => lastDeliveredSeconds,
  ),
];

function total(name: string, unit: string, help: string, read: (sink: SinkStatus) => number): Metric {
  return counter(
    `flowlogd_exporter_${name}_total`,
    unit,
    help,
    eachSink((sink) => [one(read(sink))]),
    ['sink'],
  );
}

/** Absent while it is not known. */
function moment(name: string, help: string, read: (sink: SinkStatus) => number | null): Metric {
  const samples = (sink: SinkStatus) => {
    const value = read(sink);
    return value === null ? [] : [one(value)];
  };
  return gauge(`flowlogd_exporter_${name}`, 'seconds', help, eachSink(samples), ['sink']);
}

function eachSink(samples: (sink: SinkStatus) => readonly Sample[]): Read {
  return ({ sinks }) =>
    sinks.flatMap((sink) => samples(sink).map(({ labels, value }) => ({ labels: [sink.name, ...labels], value })));
}
