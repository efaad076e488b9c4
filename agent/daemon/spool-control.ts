/** The spool as operators reach it over the control socket. */
import type { SpoolControl } from '../control/spool-routes.ts';
import { retryQuarantined } from '../spool/retry.ts';
import type { Spool } from '../spool/spool.ts';
import type { Log } from '../telemetry/log.ts';

/** @param deliverNow tries what is pending at once, for all sinks */
export function spoolControl(spool: Spool, deliverNow: () => void): SpoolControl {
  return {
    get isListed() {
      return spool.isListed;
    },
    retryQuarantined: (request) => retryQuarantined(spool, request),
    deliverNow,
    removeSink: (sink) => spool.removeSink(sink),
  };
}

/** What is pending for sinks that the configuration does not name: nothing delivers it. */
export function logUnconfigured(log: Log, { queues }: Pick<Spool, 'queues'>): void {
  for (const queue of queues.filter(({ isConfigured }) => !isConfigured)) {
    const { batches } = queue.backlog();
    if (batches === 0) continue;
    log.warn('batches pending for a sink that is not in the configuration; name it again, or flowlogd spool remove', {
      sink: queue.sink,
      batches,
    });
  }
}
