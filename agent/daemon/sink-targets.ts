/** The sinks of this run, and the log service beside it where one of them stores there. */
import { join } from 'node:path';
import { systemTimers } from '../export/timers.ts';
import type { WebhookPlan } from '../findings/webhook-plan.ts';
import type { Environment, SinkFiles, SinkPlan } from '../model/sink-plan.ts';
import { EMBEDDED_STORAGE } from '../model/storage.ts';
import type { FindingsStatus } from '../telemetry/findings-status.ts';
import type { Log } from '../telemetry/log.ts';
import type { LogServiceStatus } from '../telemetry/log-service-status.ts';
import { LogServiceKeeper, requireLogService } from './log-service-keeper.ts';
import type { RunningSink } from './sink-exporters.ts';
import { SinkRenewal } from './sink-renewal.ts';
import { openTelling, type Telling } from './telling.ts';

export interface SinkTargets {
  readonly sinks: readonly RunningSink[];
  readonly renewal: SinkRenewal;
  readonly keeper: LogServiceKeeper | undefined;
  readonly logService: (() => LogServiceStatus) | undefined;
  /** Of what the log service finds. */
  readonly telling: Telling | undefined;
  readonly findings: (() => FindingsStatus | null) | undefined;
}

export interface SinkTargetsPlan {
  readonly sinks: readonly SinkPlan[];
  readonly sinkFiles: SinkFiles;
  readonly stateDirectory: string;
  readonly hostId: string;
  readonly webhook: WebhookPlan | undefined;
}

/** @throws OperationalError `config.invalid`; `logservice.unreachable` for an installation without the log service */
export async function openTargets(
  { sinks: plans, sinkFiles, ...plan }: SinkTargetsPlan,
  environment: Environment,
  log: Log,
): Promise<SinkTargets> {
  const isEmbedded = plans.some(({ storage }) => storage === EMBEDDED_STORAGE);
  const keeper = isEmbedded ? embeddedLogService(plan.stateDirectory, log) : undefined;
  const context = { environment, nowMs: Date.now, embedded: keeper };
  const renewal = new SinkRenewal({ files: sinkFiles, context, log });
  const sinks = await Promise.all(
    plans.map(async (sink) => ({
      name: sink.name,
      sink: renewal.add(sink, await sink.create(context)),
      isDraining: sink.isDraining === true,
    })),
  );
  const telling = keeper && openTelling({ ...plan, service: keeper, environment, log });
  return {
    sinks,
    renewal,
    keeper,
    logService: keeper && (() => keeper.status),
    telling,
    findings: telling && (() => telling.status()),
  };
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
