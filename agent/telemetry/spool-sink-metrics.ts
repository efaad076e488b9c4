/** Metrics of what the spool has for each sink; those of all together count each file once (disk-metrics.ts). */
import { counter, gauge, type Metric, one, type Read } from './metric.ts';
import type { SpoolSinkStatus } from './spool-status.ts';

export const SPOOL_SINK_METRICS: readonly Metric[] = [
  gauge(
    'flowlogd_spool_sink_batches',
    'batches',
    'Pending batches of each sink; a batch that several sinks owe is pending for each.',
    eachSink(({ batches }) => batches),
    ['sink'],
  ),
  gauge(
    'flowlogd_spool_sink_bytes',
    'bytes',
    'Size of its pending batches, in blocks.',
    eachSink(({ bytes }) => bytes),
    ['sink'],
  ),
  gauge(
    'flowlogd_spool_sink_oldest_age_seconds',
    'seconds',
    'Age of its oldest pending batch, 0 when none is.',
    eachSink(({ oldestAgeSeconds }) => oldestAgeSeconds ?? 0),
    ['sink'],
  ),
  counter(
    'flowlogd_spool_sink_evicted_batches_total',
    'batches',
    'Its batches evicted over a limit of the spool.',
    eachSink(({ evicted }) => evicted.batches),
    ['sink'],
  ),
  counter(
    'flowlogd_spool_sink_evicted_packets_total',
    'packets',
    'Packets of their records.',
    eachSink(({ evicted }) => evicted.packets),
    ['sink'],
  ),
  gauge(
    'flowlogd_spool_sink_quarantine_files',
    'files',
    'Batches in its quarantine now, of earlier runs, too.',
    eachSink(({ quarantineFiles }) => quarantineFiles),
    ['sink'],
  ),
];

function eachSink(read: (sink: SpoolSinkStatus) => number): Read {
  return ({ spool }) => spool.sinks.map((sink) => one(read(sink), sink.name));
}
