/** The status of an agent, fed from its stages. */
import { getHeapStatistics } from 'node:v8';
import { readVersion } from '../cli/version.ts';
import { isSystemError } from '../model/system-error.ts';
import type { SinkQueue } from '../spool/sink-queue.ts';
import type { Spool } from '../spool/spool.ts';
import type { ProcessStatus } from '../telemetry/agent-status.ts';
import type { FindingsStatus } from '../telemetry/findings-status.ts';
import type { LogServiceStatus } from '../telemetry/log-service-status.ts';
import type { SpoolSinkStatus, SpoolStatus } from '../telemetry/spool-status.ts';
import { StatusCollector } from '../telemetry/status-collector.ts';
import type { RecorderMessage } from '../threads/recorder.ts';
import type { RunningDataPlane } from '../threads/start-data-plane.ts';
import type { AgentPlan } from './agent-plan.ts';
import type { SinkExporters } from './sink-exporters.ts';

/** The stages, asked for only when somebody looks: the status is there before they are. */
export interface StatusParts {
  readonly spool: Spool;
  readonly exporters: SinkExporters;
  readonly logService?: (() => LogServiceStatus) | undefined;
  readonly findings?: (() => FindingsStatus | null) | undefined;
  readonly plane: Pick<RunningDataPlane, 'control'>;
}

export function createStatus(
  plan: Pick<
    AgentPlan,
    'hostId' | 'stateDirectory' | 'spoolBytesMax' | 'taps' | 'flowsMax' | 'ringBytesMax' | 'sandbox'
  >,
  runId: string,
  parts: () => StatusParts,
): StatusCollector {
  const { hostId, stateDirectory, spoolBytesMax, taps, flowsMax, ringBytesMax, sandbox } = plan;
  return new StatusCollector({
    identity: { version: readVersion(), pid: process.pid, hostId, runId, stateDirectory },
    points: taps.map(({ point }) => point),
    flowsMax,
    ringBytesMax,
    sandbox,
    now: Date.now,
    elapsed: () => performance.now(),
    sources: {
      spool: () => spoolStatus(parts().spool, spoolBytesMax),
      sinks: () => parts().exporters.numbers(),
      logService: () => parts().logService?.() ?? null,
      findings: () => parts().findings?.() ?? null,
      process: processStatus,
      rounds: () => parts().plane.control.progress,
    },
  });
}

/** Takes in what the recorder tells. */
export function onRecorderMessage(status: StatusCollector, message: RecorderMessage): void {
  const { counters, waiting, heldBytes, recovery, recoveryFailure, translations } = message.status;
  status.recorder({
    ...counters,
    pendingWindows: waiting,
    heldBytes,
    recovered: { ...recovery, failing: recoveryFailure ?? null },
  });
  if (translations !== undefined) status.translations(translations);
  if (message.kind === 'durable') status.closed(message);
  else if (message.kind === 'failing') status.spoolFailing(message.message);
  else if (message.kind === 'well') status.spoolFailing(undefined);
}

function spoolStatus(spool: Spool, bytesMax: number): SpoolStatus {
  const { evicted, damaged, quarantined, unaccounted, vanished, vanishedPackets, vanishedUnaccounted } = spool.counters;
  return {
    ...spool.backlog(),
    bytesMax,
    oldestAgeSeconds: ageSeconds(spool.oldestSeconds),
    evicted,
    damagedBatches: damaged,
    quarantinedBatches: quarantined,
    unaccountedBatches: unaccounted,
    quarantineFiles: spool.quarantinedFiles,
    newerBatches: spool.newer,
    vanishedBatches: vanished,
    vanishedPackets,
    vanishedUnaccountedBatches: vanishedUnaccounted,
    isReadingIndex: !spool.isListed || spool.unmeasured > 0,
    unmeasuredBatches: spool.unmeasured,
    sinks: spool.queues.filter(isOfInterest).map(sinkStatus),
  };
}

/** Of a sink that the configuration does not name any more, as long as it left anything. */
function isOfInterest(queue: SinkQueue): boolean {
  return queue.isConfigured || queue.backlog().batches + queue.quarantinedFiles + queue.newer > 0;
}

function sinkStatus(queue: SinkQueue): SpoolSinkStatus {
  return {
    name: queue.sink,
    configured: queue.isConfigured,
    ...queue.backlog(),
    oldestAgeSeconds: ageSeconds(queue.oldestSeconds),
    evicted: { ...queue.counters.evicted },
    quarantinedBatches: queue.counters.quarantined,
    quarantineFiles: queue.quarantinedFiles,
    newerBatches: queue.newer,
  };
}

function ageSeconds(spooledSeconds: number | undefined): number | null {
  return spooledSeconds === undefined ? null : Math.max(0, Math.floor(Date.now() / 1000) - spooledSeconds);
}

function processStatus(): ProcessStatus {
  const { user, system } = process.cpuUsage();
  const { used_heap_size: heapBytes } = getHeapStatistics();
  return { residentBytes: residentBytes(), heapBytes, cpuSeconds: (user + system) / 1e6 };
}

let lastResidentBytes = 0;

/** Node.js opens a file to learn it, for which there may be no descriptor left: then it is the last that was known. */
function residentBytes(): number {
  try {
    lastResidentBytes = process.memoryUsage.rss();
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
  return lastResidentBytes;
}
