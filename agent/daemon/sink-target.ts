/** A sink of this run, and the log service beside it where the records are stored there. */
import { join } from 'node:path';
import { systemTimers } from '../export/timers.ts';
import type { Sink } from '../model/sink.ts';
import type { Environment, SinkPlan } from '../model/sink-plan.ts';
import { EMBEDDED_STORAGE } from '../model/storage.ts';
import type { Log } from '../telemetry/log.ts';
import type { LogServiceStatus } from '../telemetry/log-service-status.ts';
import { LogServiceKeeper, requireLogService } from './log-service-keeper.ts';

export interface SinkTarget {
  readonly sinkName: string;
  readonly sink: Sink;
  readonly keeper: LogServiceKeeper | undefined;
  readonly logService: (() => LogServiceStatus) | undefined;
}

/** @throws OperationalError `config.invalid`; `logservice.unreachable` for an installation without the log service */
export async function openTarget(
  plan: SinkPlan,
  stateDirectory: string,
  environment: Environment,
  log: Log,
): Promise<SinkTarget> {
  const keeper = plan.storage === EMBEDDED_STORAGE ? embeddedLogService(stateDirectory, log) : undefined;
  const sink = await plan.create({ environment, nowMs: Date.now, embedded: keeper });
  return { sinkName: plan.name, sink, keeper, logService: keeper && (() => keeper.status) };
}

function embeddedLogService(stateDirectory: string, log: Log): LogServiceKeeper {
  requireLogService();
  return new LogServiceKeeper({
    storeFolder: join(stateDirectory, 'logservice'),
    log,
    timers: systemTimers,
    random: Math.random,
    nowSeconds: () => Math.floor(Date.now() / 1000),
  });
}
