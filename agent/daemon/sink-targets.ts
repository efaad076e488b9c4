/** The sinks of this run, and the log service beside it where one of them stores there. */
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { systemTimers } from '../export/timers.ts';
import { AgentFindings } from '../findings/agent-findings.ts';
import { FindingsFile } from '../findings/findings-file.ts';
import { LogServiceSource } from '../findings/log-service-source.ts';
import type { WebhookPlan } from '../findings/webhook-plan.ts';
import type { Environment, SinkFiles, SinkPlan, TakeLock } from '../model/sink-plan.ts';
import { EMBEDDED_STORAGE } from '../model/storage.ts';
import { loadCaptureAddon } from '../native/addon.ts';
import { takeLock } from '../spool/lock-file.ts';
import type { FindingsStatus } from '../telemetry/findings-status.ts';
import type { Log } from '../telemetry/log.ts';
import type { LogServiceStatus } from '../telemetry/log-service-status.ts';
import type { DetectionPlan } from '../threads/window-detection.ts';
import { LogServiceKeeper, requireLogService } from './log-service-keeper.ts';
import type { RunningSink } from './sink-exporters.ts';
import { SinkRenewal } from './sink-renewal.ts';
import { openTelling, type Telling } from './telling.ts';

export interface SinkTargets {
  readonly sinks: readonly RunningSink[];
  readonly renewal: SinkRenewal;
  readonly keeper: LogServiceKeeper | undefined;
  readonly logService: (() => LogServiceStatus) | undefined;
  /** Where the agent itself detects. */
  readonly ownFindings: AgentFindings | undefined;
  /** Where what it finds comes on its way to the sinks. */
  readonly findingsPort: MessagePort | undefined;
  /** Of what the log service or the agent finds. */
  readonly telling: Telling | undefined;
  readonly findings: (() => FindingsStatus | null) | undefined;
}

export interface SinkTargetsPlan {
  readonly sinks: readonly SinkPlan[];
  readonly sinkFiles: SinkFiles;
  readonly findingRecords: boolean;
  readonly stateDirectory: string;
  readonly hostId: string;
  readonly webhook: WebhookPlan | undefined;
  readonly detection?: DetectionPlan | undefined;
}

/** @throws OperationalError `config.invalid`; `logservice.unreachable` for an installation without the log service */
export async function openTargets(
  { sinks: plans, sinkFiles, ...plan }: SinkTargetsPlan,
  environment: Environment,
  log: Log,
): Promise<SinkTargets> {
  const isEmbedded = plans.some(({ storage }) => storage === EMBEDDED_STORAGE);
  const keeper = isEmbedded ? embeddedLogService(plan.stateDirectory, log) : undefined;
  const lock: TakeLock = (path) => takeLock(path, loadCaptureAddon().lockFile);
  const context = { environment, nowMs: Date.now, embedded: keeper, lock };
  const renewal = new SinkRenewal({ files: sinkFiles, context, log });
  const sinks = await Promise.all(
    plans.map(async (sink) => ({
      name: sink.name,
      sink: renewal.add(sink, await sink.create(context)),
      isDraining: sink.isDraining === true,
    })),
  );
  const ownFindings = openFindings(plan, log);
  const source = keeper === undefined ? ownFindings : new LogServiceSource(keeper, Date.now);
  const channel = ownFindings !== undefined && plan.findingRecords ? new MessageChannel() : undefined;
  const telling = source && openTelling({ ...plan, source, port: channel?.port1, environment, log });
  return {
    sinks,
    renewal,
    keeper,
    ownFindings,
    findingsPort: channel?.port2,
    logService: keeper && (() => keeper.status),
    telling,
    findings: telling && (() => telling.status()),
  };
}

function openFindings(
  { detection, stateDirectory }: Pick<SinkTargetsPlan, 'detection' | 'stateDirectory'>,
  log: Log,
): AgentFindings | undefined {
  if (detection === undefined) return undefined;
  const nowSeconds = () => Math.floor(Date.now() / 1000);
  return new AgentFindings(new FindingsFile(stateDirectory, log), detection.catalogue, nowSeconds);
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
