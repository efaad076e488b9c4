/** The spool as a daemon opens it: on the disk of the host, held by a lock, with what becomes of batches in the log. */
import { loadCaptureAddon } from '../native/addon.ts';
import { nodeDisk } from '../spool/disk.ts';
import { SPOOL_DEFAULTS, Spool } from '../spool/spool.ts';
import { lockSpool } from '../spool/spool-lock.ts';
import type { Log } from '../telemetry/log.ts';
import type { AgentPlan } from './agent-plan.ts';
import type { RunningSink } from './sink-exporters.ts';

export interface DaemonSpoolOptions extends Pick<AgentPlan, 'spoolBytesMax' | 'spoolAgeSecondsMax'> {
  readonly sinks: readonly RunningSink[];
  readonly log: Log;
}

const EVICTING = {
  bytes: 'spool full, evicting the oldest batches: see why they are not delivered, or raise spool.bytesMax',
  age: 'evicting batches over the age limit of the spool: see why they are not delivered, or raise spool.ageSecondsMax',
} as const;

/** @throws OperationalError `instance.running` where another process has it */
export function openSpool(
  folder: string,
  { sinks, spoolBytesMax, spoolAgeSecondsMax, log }: DaemonSpoolOptions,
): Spool {
  return Spool.open({
    disk: nodeDisk,
    folder,
    sinks: sinks.map(({ name }) => name),
    bytesMax: spoolBytesMax,
    ageSecondsMax: spoolAgeSecondsMax,
    quarantineBytesMax: SPOOL_DEFAULTS.quarantineBytesMax,
    now: Date.now,
    lock: (path) => lockSpool(path, loadCaptureAddon().lockFile),
    events: {
      onEvicting: (reason) => log.error(EVICTING[reason]),
      onEvicted: (totals) => log.error('the spool is within its limits again', { evicted: totals }),
      onQuarantined: (batch, reason, sink) => log.error('batch moved to quarantine', { sink, batch, reason }),
    },
  });
}
