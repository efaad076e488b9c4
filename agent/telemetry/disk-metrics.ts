/** Metrics of what stands between the meter and the exporter: the recorder, what it recovers, the spool. */
import { counter, gauge, type Metric, numbersOf } from './metric.ts';

export const DISK_METRICS: readonly Metric[] = [
  ...recorderMetrics(),
  ...recoveryMetrics(),
  ...spoolMetrics(),
  ...undeliverableMetrics(),
];

function recorderMetrics(): readonly Metric[] {
  const of = numbersOf(({ recorder }) => recorder);
  return [
    gauge(
      'flowlogd_recorder_failing',
      '',
      'Whether the spool cannot be written now.',
      of(({ failing }) => Number(failing !== null)),
    ),
    counter(
      'flowlogd_recorder_failures_total',
      'attempts',
      'Attempts to write a window that the disk refused.',
      of(({ failures }) => failures),
    ),
    gauge(
      'flowlogd_recorder_pending_windows',
      'windows',
      'Closed windows that wait for the disk.',
      of(({ pendingWindows }) => pendingWindows),
    ),
    gauge(
      'flowlogd_recorder_held_bytes',
      'bytes',
      'Memory of the tables of windows that wait for the disk.',
      of(({ heldBytes }) => heldBytes),
    ),
    counter(
      'flowlogd_recorder_batches_total',
      'batches',
      'Batches written to the spool.',
      of(({ batches }) => batches),
    ),
    counter(
      'flowlogd_recorder_evicted_windows_total',
      'windows',
      'Windows that gave up their records because too many waited for the disk.',
      of(({ windowsEvicted }) => windowsEvicted),
    ),
    counter(
      'flowlogd_recorder_evicted_packets_total',
      'packets',
      'Packets of those records; they are overflowed in the ledger of their window.',
      of(({ packetsEvicted }) => packetsEvicted),
    ),
    counter(
      'flowlogd_recorder_merged_ledgers_total',
      'windows',
      'Windows without records whose ledger became one with the next, because thousands waited for the disk.',
      of(({ ledgersMerged }) => ledgersMerged),
    ),
  ];
}

function recoveryMetrics(): readonly Metric[] {
  const of = numbersOf(({ recorder }) => recorder.recovered);
  return [
    counter(
      'flowlogd_recovered_windows_total',
      'windows',
      'Windows that earlier runs had left open, made durable by this one.',
      of((recovered) => recovered.windows),
    ),
    counter(
      'flowlogd_recovered_packets_total',
      'packets',
      'Packets in their records.',
      of((recovered) => recovered.packets),
    ),
    counter(
      'flowlogd_recovery_lost_windows_total',
      'windows',
      'Windows of earlier runs of which a row of unknown loss is all that is left.',
      of((recovered) => recovered.windowsLost),
    ),
    counter(
      'flowlogd_recovery_quarantined_files_total',
      'files',
      'Files of earlier runs that could not be believed.',
      of((recovered) => recovered.quarantined),
    ),
    gauge(
      'flowlogd_recovery_newer_windows',
      'windows',
      'Windows that a newer flowlogd left open: they stay for that version.',
      of((recovered) => recovered.newer),
    ),
  ];
}

function spoolMetrics(): readonly Metric[] {
  const of = numbersOf(({ spool }) => spool);
  return [
    gauge(
      'flowlogd_spool_batches',
      'batches',
      'Batches pending on disk, each file once however many sinks owe it.',
      of(({ batches }) => batches),
    ),
    gauge(
      'flowlogd_spool_bytes',
      'bytes',
      'Disk that they take, in blocks.',
      of(({ bytes }) => bytes),
    ),
    gauge(
      'flowlogd_spool_limit_bytes',
      'bytes',
      'Limit of the spool: spool.bytesMax.',
      of(({ bytesMax }) => bytesMax),
    ),
    gauge(
      'flowlogd_spool_oldest_age_seconds',
      'seconds',
      'Age of the oldest pending batch, 0 when none is.',
      of(({ oldestAgeSeconds }) => oldestAgeSeconds ?? 0),
    ),
    counter(
      'flowlogd_spool_evicted_batches_total',
      'batches',
      'Batches evicted over a limit of the spool, the oldest first, each file once.',
      of(({ evicted }) => evicted.batches),
    ),
    counter(
      'flowlogd_spool_evicted_records_total',
      'records',
      'Records of those batches.',
      of(({ evicted }) => evicted.records),
    ),
    counter(
      'flowlogd_spool_evicted_packets_total',
      'packets',
      'Packets of those records.',
      of(({ evicted }) => evicted.packets),
    ),
  ];
}

/** Of what stays in the spool or leaves it undelivered. */
function undeliverableMetrics(): readonly Metric[] {
  const of = numbersOf(({ spool }) => spool);
  return [
    counter(
      'flowlogd_spool_damaged_batches_total',
      'batches',
      'Batches whose file was corrupt when it was read.',
      of(({ damagedBatches }) => damagedBatches),
    ),
    counter(
      'flowlogd_spool_quarantined_batches_total',
      'batches',
      'Batches moved to quarantine, corrupt or refused for good.',
      of(({ quarantinedBatches }) => quarantinedBatches),
    ),
    counter(
      'flowlogd_spool_unaccounted_batches_total',
      'batches',
      'Quarantined batches whose content is unknown: their packets are in no ledger.',
      of(({ unaccountedBatches }) => unaccountedBatches),
    ),
    gauge(
      'flowlogd_spool_quarantine_files',
      'files',
      'Batches in the quarantine now, of earlier runs, too.',
      of(({ quarantineFiles }) => quarantineFiles),
    ),
    gauge(
      'flowlogd_spool_newer_batches',
      'batches',
      'Pending batches that only the newer flowlogd that wrote them can deliver.',
      of(({ newerBatches }) => newerBatches),
    ),
  ];
}
