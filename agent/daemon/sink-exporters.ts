/** One exporter for each sink, with its own queue, order and backoff: one that is down delays no other. */
import { DEFAULT_BACKOFF } from '../export/backoff.ts';
import { EXPORTER_DEFAULTS, Exporter } from '../export/exporter.ts';
import { systemTimers } from '../export/timers.ts';
import type { BatchStore } from '../model/batch-store.ts';
import type { Sink } from '../model/sink.ts';
import type { ExporterNumbers } from '../telemetry/agent-status.ts';
import type { Log } from '../telemetry/log.ts';
import { ExportLog } from './export-log.ts';

export interface RunningSink {
  /** By which metrics and status know it. */
  readonly name: string;
  readonly sink: Sink;
  /** It gets no new batches. */
  readonly isDraining: boolean;
}

interface Delivery extends RunningSink {
  readonly queue: BatchStore;
  readonly exporter: Exporter;
}

export class SinkExporters {
  readonly #deliveries: readonly Delivery[];

  constructor(sinks: readonly RunningSink[], queueOf: (name: string) => BatchStore, log: Log) {
    this.#deliveries = sinks.map((running) => {
      const { name, sink } = running;
      const queue = queueOf(name);
      return { ...running, queue, exporter: createExporter(name, sink, queue, log) };
    });
  }

  /** There may be something to send. */
  wake(): void {
    for (const { exporter } of this.#deliveries) exporter.wake();
  }

  /** What kept uploads from passing is over. */
  retryNow(): void {
    for (const { exporter } of this.#deliveries) exporter.retryNow();
  }

  /** In the order of the configuration. */
  numbers(): readonly ExporterNumbers[] {
    return this.#deliveries.map(numbersOf);
  }

  /** Gives what is pending, and then what is in flight, `deadlineMs` each; the rest stays in the queues. */
  async stop(deadlineMs: number): Promise<void> {
    const deadline = AbortSignal.timeout(deadlineMs);
    const isOver = new Promise((resolve) => deadline.addEventListener('abort', resolve, { once: true }));
    const stopOne = async (exporter: Exporter) => {
      await Promise.race([exporter.idle(), isOver]);
      await exporter.stop(deadlineMs);
    };
    await Promise.all(this.#deliveries.map(({ exporter }) => stopOne(exporter)));
  }

  async close(): Promise<void> {
    await Promise.all(this.#deliveries.map(({ sink }) => sink.close()));
  }
}

function createExporter(name: string, sink: Sink, store: BatchStore, log: Log): Exporter {
  const uploads = new ExportLog(log, sink.description);
  return new Exporter({
    store,
    sink,
    timers: systemTimers,
    random: Math.random,
    backoff: DEFAULT_BACKOFF,
    ...EXPORTER_DEFAULTS,
    events: {
      onState: (state, lastError) => uploads.enter(state, lastError),
      onDelivered: (batch, bytes) => log.debug('delivered', { sink: name, batch, bytes }),
      onQuarantined: (batch, reason) =>
        log.error('batch permanently rejected by the log service', { sink: name, batch, reason }),
      onRejected: (batch, records, reason) =>
        log.error('records permanently rejected by the log service; not retried', {
          sink: name,
          batch,
          records,
          reason,
        }),
      onSplit: (batch, reason) => log.info('batch split in two', { sink: name, batch, reason }),
      onNewer: (batch, reason) =>
        log.warn('batches of a newer flowlogd left in the spool; install that version again', {
          sink: name,
          batch,
          reason,
        }),
    },
  });
}

function numbersOf({ name, sink, isDraining, queue, exporter }: Delivery): ExporterNumbers {
  const { delivered, sent, bytes, attempts, retries, blocked, split, partial, quarantined, rejectedRecords } =
    exporter.counters;
  return {
    name,
    sink: sink.description,
    draining: isDraining,
    state: exporter.state,
    lastError: exporter.lastError ?? null,
    pendingBatches: queue.backlog().batches,
    deliveredBatches: delivered,
    sentBatches: sent,
    deliveredBytes: bytes,
    attempts,
    retries,
    blocked,
    split,
    partial,
    quarantined,
    rejectedRecords,
    deliveredUntilSeconds: exporter.deliveredUntil ?? null,
    clockAheadSeconds: sink.clockAheadMs === undefined ? null : Number((sink.clockAheadMs / 1000).toFixed(1)),
  };
}
