/** `flowlogd run`: the agent as a service, or the whole on embedded defaults. */
import { once } from 'node:events';
import { join } from 'node:path';
import { loadCaptureAddon } from './capture/addon.ts';
import type { Invocation, Output } from './commands/command.ts';
import { controlSocketPath, type ListenAddress, openEndpoints } from './control-socket.ts';
import { type EmbeddedService, startEmbeddedService } from './embedded-service.ts';
import { ClsSink, type ClsSinkOptions } from './export/cls/cls-sink.ts';
import { DEFAULT_TIMEOUTS } from './export/cls/exchange.ts';
import { EXPORTER_DEFAULTS } from './export/exporter.ts';
import { EXIT, type ExitCode } from './model/operational-error.ts';
import { createNotify, type Reload, serveManager } from './service-manager.ts';
import { type AgentPlan, Supervisor, type SupervisorOptions } from './supervisor.ts';
import { createLog, type LogLevel } from './telemetry/log.ts';
import { showWindow } from './window-report.ts';

/** A log service as the configuration names it. */
export type SinkPlan = Pick<
  ClsSinkOptions,
  'endpoint' | 'topicId' | 'credentials' | 'compression' | 'tls' | 'ledgerLog'
> & {
  readonly requestTimeoutMs: number;
};

/** Largest records of each window that are printed on embedded defaults. */
const TOP_RECORDS = 10;

/** What a service says of itself, and where. */
export interface TelemetryPlan {
  readonly level: LogLevel;
  /** Where Prometheus may ask, beside the control socket; undefined: nowhere. */
  readonly listen: ListenAddress | undefined;
}

/**
 * @param sink undefined: the embedded log service, in the state directory.
 * @param reload what SIGHUP asks for
 */
export async function runService(
  invocation: Invocation,
  plan: AgentPlan,
  sink: SinkPlan | undefined,
  { level, listen }: TelemetryPlan,
  reload: Reload,
): Promise<ExitCode> {
  const log = createLog({ level, nowMs: Date.now });
  const service = sink === undefined ? await startEmbeddedService(join(plan.stateDirectory, 'logservice')) : undefined;
  const target = sink ?? embeddedSink(service!);
  return supervise(
    invocation,
    { ...plan, sink: createSink(target), log, topRecords: 0, onWindow: () => undefined },
    service,
    { listen, reload },
  );
}

export async function runEmbedded(invocation: Invocation, plan: AgentPlan): Promise<ExitCode> {
  const { stdout } = invocation;
  const service = await startEmbeddedService(join(plan.stateDirectory, 'logservice'));
  const log = createLog({ level: 'warn', nowMs: Date.now });
  return supervise(
    invocation,
    {
      ...plan,
      sink: createSink(embeddedSink(service)),
      log,
      topRecords: TOP_RECORDS,
      onWindow: (window) => showWindow(stdout, window),
    },
    service,
    { onReady: () => welcome(stdout, plan, service) },
  );
}

interface Surround {
  readonly listen?: ListenAddress | undefined;
  readonly reload?: Reload;
  readonly onReady?: () => void;
}

async function supervise(
  invocation: Invocation,
  options: SupervisorOptions,
  service: EmbeddedService | undefined,
  { listen, reload, onReady }: Surround,
): Promise<ExitCode> {
  // Asked for before anything captures: from then on Ctrl-C ends it in good order.
  const { signal, env } = invocation;
  const notify = createNotify(loadCaptureAddon(), env, options.log);
  let supervisor: Supervisor;
  try {
    supervisor = await Supervisor.start(options);
  } catch (error) {
    await service?.stop();
    throw error;
  }
  const socketPath = controlSocketPath(options.stateDirectory, env);
  const closeEndpoints = await openEndpoints({ socketPath, listen }, supervisor.status, options.log);
  const leaveManager = serveManager(supervisor, notify, reload, options.log);
  onReady?.();
  const requested = signal.aborted ? Promise.resolve() : once(signal, 'abort');
  try {
    await Promise.race([requested, supervisor.ended]);
  } finally {
    leaveManager();
    await closeEndpoints();
    await supervisor.stop();
    await service?.stop();
  }
  return signal.aborted ? EXIT.ok : EXIT.unavailable;
}

function createSink({ requestTimeoutMs, ...rest }: SinkPlan): ClsSink {
  return new ClsSink({
    ...rest,
    timeouts: {
      ...DEFAULT_TIMEOUTS,
      responseMs: Math.min(DEFAULT_TIMEOUTS.responseMs, requestTimeoutMs),
      totalMs: requestTimeoutMs,
    },
    socketsMax: EXPORTER_DEFAULTS.inFlightMax,
    nowMs: Date.now,
  });
}

function embeddedSink(service: EmbeddedService): SinkPlan {
  return {
    endpoint: service.url,
    topicId: service.topicId,
    credentials: service.credentials,
    compression: 'lz4',
    tls: undefined,
    ledgerLog: false,
    requestTimeoutMs: DEFAULT_TIMEOUTS.totalMs,
  };
}

function welcome(stdout: Output, plan: AgentPlan, service: EmbeddedService): void {
  const names = plan.taps.map((tap) => tap.point.interfaceName).join(' and ');
  const seconds = plan.taps[0]?.point.flowLog.windowSeconds;
  stdout.write(`flowlogd observes ${names} and writes flow log records of ${seconds} s windows.

  log service  ${service.url.origin}, topic ${service.topicId}
  store        ${service.storeFolder}
  query        flowlogd query 'dstport:443 | select srcaddr, sum(bytes) group by srcaddr' --store ${service.storeFolder}

The largest flows of each window follow at its end. Ctrl-C ends it, last window included.

`);
}
