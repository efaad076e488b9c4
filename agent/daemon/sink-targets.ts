/** The sinks of this run, and the log service beside it where one of them stores there. */
import { join } from 'node:path';
import { systemTimers } from '../export/timers.ts';
import type { Environment, SinkFiles, SinkPlan } from '../model/sink-plan.ts';
import { EMBEDDED_STORAGE } from '../model/storage.ts';
import type { Log } from '../telemetry/log.ts';
import type { LogServiceStatus } from '../telemetry/log-service-status.ts';
import { LogServiceKeeper, requireLogService } from './log-service-keeper.ts';
import type { RunningSink } from './sink-exporters.ts';
import { SinkRenewal } from './sink-renewal.ts';

export interface SinkTargets {
  readonly sinks: readonly RunningSink[];
  readonly renewal: SinkRenewal;
  readonly keeper: LogServiceKeeper | undefined;
  readonly logService: (() => LogServiceStatus) | undefined;
}

export interface SinkTargetsPlan {
  readonly sinks: readonly SinkPlan[];
  readonly sinkFiles: SinkFiles;
  readonly stateDirectory: string;
}

/** @throws OperationalError `config.invalid`; `logservice.unreachable` for an installation without the log service */
export async function openTargets(
  { sinks: plans, sinkFiles, stateDirectory }: SinkTargetsPlan,
  environment: Environment,
  log: Log,
): Promise<SinkTargets> {
  const isEmbedded = plans.some(({ storage }) => storage === EMBEDDED_STORAGE);
  const keeper = isEmbedded ? embeddedLogService(stateDirectory, log) : undefined;
  const context = { environment, nowMs: Date.now, embedded: keeper };
  const renewal = new SinkRenewal({ files: sinkFiles, context, log });
  const sinks = await Promise.all(
    plans.map(async (plan) => ({
      name: plan.name,
      sink: renewal.add(plan, await plan.create(context)),
      isDraining: plan.isDraining === true,
    })),
  );
  return { sinks, renewal, keeper, logService: keeper && (() => keeper.status) };
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
