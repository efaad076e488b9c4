/** The spool as operators reach it over the control socket. */
import type { SpoolControl } from '../control/spool-routes.ts';
import { retryQuarantined } from '../spool/retry.ts';
import type { Spool } from '../spool/spool.ts';

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
