/** `flowlogd run`: the agent as a service, or everything, with built-in defaults. */
import { once } from 'node:events';
import { existsSync, fstatSync } from 'node:fs';
import { join } from 'node:path';
import type { Invocation } from '../cli/command.ts';
import { ownCommand, quoted } from '../cli/own-command.ts';
import { controlSocketPath, type ListenAddress, openEndpoints } from '../control/control-socket.ts';
import { FINDING_PATH, FINDINGS_PATH, findingsRoutes } from '../control/findings-routes.ts';
import { flowLogRoutes, type Operate } from '../control/flow-log-routes.ts';
import { SinkProbes } from '../control/sink-probe.ts';
import { SPOOL_PATH, spoolRoutes } from '../control/spool-routes.ts';
import { EMBEDDED_TOPIC_ID } from '../export/cls/options.ts';
import type { AgentFindings } from '../findings/agent-findings.ts';
import type { WebhookPlan } from '../findings/webhook-plan.ts';
import { called, type Declaration } from '../flow-logs/flow-log-entry.ts';
import { FlowLogControl, type FlowLogResolver } from '../flow-logs/reconciler.ts';
import { REGISTRY_FILE } from '../flow-logs/registry-file.ts';
import { EXIT, type ExitCode } from '../model/operational-error.ts';
import type { Sandbox } from '../model/sandbox.ts';
import type { SinkFiles, SinkPlan } from '../model/sink-plan.ts';
import { EMBEDDED_STORAGE, type Storages } from '../model/storage.ts';
import { loadCaptureAddon } from '../native/addon.ts';
import { nodeDisk } from '../spool/disk.ts';
import { createLog, isJournal, type Log, type LogLevel } from '../telemetry/log.ts';
import type { LogServiceStatus } from '../telemetry/log-service-status.ts';
import type { TextOutput } from '../terminal/text-output.ts';
import { visible } from '../terminal/visible-text.ts';
import type { OnLinks } from '../threads/start-data-plane.ts';
import type { TapSetup } from '../threads/tap-manager.ts';
import type { AgentPlan } from './agent-plan.ts';
import type { HangUps } from './hang-ups.ts';
import type { LogServiceKeeper } from './log-service-keeper.ts';
import { logEnd, logStart, logStatus } from './run-log.ts';
import { createNotify, type Reloading, serveManager } from './service-manager.ts';
import type { SinkRenewal } from './sink-renewal.ts';
import { openTargets } from './sink-targets.ts';
import { refuseForeignState, warnOfOpenState } from './state-folder.ts';
import { Supervisor, type SupervisorOptions } from './supervisor.ts';
import type { Telling } from './telling.ts';
import { showWindow } from './window-report.ts';

/** Largest records of each window that are printed on embedded defaults. */
const TOP_RECORDS = 10;

/** What a service says of itself, and where. */
export interface TelemetryPlan {
  readonly level: LogLevel;
  /** Where Prometheus may ask, beside the control socket; undefined: nowhere. */
  readonly listen: ListenAddress | undefined;
  readonly configPath: string;
}

/** An agent before its flow logs are known. */
export interface RunPlan extends Omit<AgentPlan, 'taps' | 'sandbox'> {
  readonly webhook: WebhookPlan | undefined;
  /** Whether findings go to the sinks, too. */
  readonly findingRecords: boolean;
  readonly resolver: FlowLogResolver;
  readonly sinks: readonly SinkPlan[];
  readonly sinkFiles: SinkFiles;
  /** The flow logs of the configuration, and where it wants their records. */
  readonly declarations: readonly Declaration[];
  readonly storages: Storages;
}

/** How a running agent takes its configuration again. */
export interface Reloadable {
  readonly hangUps: HangUps;
  readonly readAgain: ReadAgain;
}

/** The configuration as it is now, beside the one of the start. @throws OperationalError when it is not valid */
type ReadAgain = () => Pick<RunPlan, 'declarations' | 'storages'> & { readonly restartFor: readonly string[] };

export async function runService(
  invocation: Invocation,
  plan: RunPlan,
  { level, listen, configPath }: TelemetryPlan,
  reloadable: Reloadable,
): Promise<ExitCode> {
  const log = createLog({ level, nowMs: Date.now, priorities: isJournal(invocation.env, fstatSync(2)) });
  const sandbox = await confine(invocation, plan);
  const target = await openTargets(plan, invocation.env, log);
  const flowLogs = loadFlowLogs(plan, log);
  return supervise(
    invocation,
    { ...plan, sandbox, taps: flowLogs.taps(), ...target, log, topRecords: 0, onWindow: () => undefined },
    { ...target, flowLogs, listen, reloadable, configPath },
  );
}

export async function runEmbedded(invocation: Invocation, plan: RunPlan): Promise<ExitCode> {
  const { stdout } = invocation;
  const log = createLog({ level: 'warn', nowMs: Date.now });
  const sandbox = await confine(invocation, plan);
  const target = await openTargets(plan, invocation.env, log);
  const flowLogs = loadFlowLogs(plan, log);
  const taps = flowLogs.taps();
  const onWindow: SupervisorOptions['onWindow'] = (window) => showWindow(stdout, window);
  return supervise(
    invocation,
    { ...plan, sandbox, taps, ...target, log, topRecords: TOP_RECORDS, onWindow },
    { ...target, flowLogs, onLogService: (service) => welcome(stdout, taps, service) },
  );
}

/** The embedded log service is started again whenever it ends, so an agent that ships to it must be able to. */
function confine(invocation: Invocation, { sinks }: RunPlan): Promise<Sandbox> {
  return invocation.confine(sinks.some(({ storage }) => storage === EMBEDDED_STORAGE));
}

function loadFlowLogs({ resolver, declarations, storages, stateDirectory }: RunPlan, log: Log): FlowLogControl {
  refuseForeignState(stateDirectory);
  warnOfOpenState(stateDirectory, log);
  const options = {
    resolver,
    storages,
    disk: nodeDisk,
    folder: stateDirectory,
    log,
    now: Date.now,
    random: Math.random,
  };
  return FlowLogControl.load(options, declarations);
}

interface RunContext {
  readonly flowLogs: FlowLogControl;
  readonly keeper: LogServiceKeeper | undefined;
  readonly renewal: SinkRenewal;
  readonly telling: Telling | undefined;
  readonly ownFindings: AgentFindings | undefined;
  readonly listen?: ListenAddress | undefined;
  readonly reloadable?: Reloadable;
  readonly configPath?: string;
  /** The embedded log service runs, or could not be started at once. */
  readonly onLogService?: (status: LogServiceStatus) => void;
}

async function supervise(
  invocation: Invocation,
  options: Omit<SupervisorOptions, 'onLinks'>,
  context: RunContext,
): Promise<ExitCode> {
  const { flowLogs, listen, reloadable, configPath } = context;
  // Asked for before anything captures: from then on Ctrl-C shuts down gracefully.
  const { signal, env } = invocation;
  const notify = createNotify(loadCaptureAddon(), env, options.log);
  const onLinks: OnLinks = (news) => flowLogs.linksChanged(news);
  const onDetected: SupervisorOptions['onDetected'] = (detected) => context.ownFindings?.take(detected);
  const onFindings: SupervisorOptions['onFindings'] = (uids) => context.telling?.shipped(uids);
  const supervisor = await Supervisor.start({ ...options, onLinks, onDetected, onFindings });
  logStart(options.log, { ...options, configPath, flowLogs: flowLogs.entries.map(called) });
  startLogService(context, supervisor, signal);
  context.renewal.start(() => supervisor.deliverNow());
  context.telling?.start();
  flowLogs.begin(supervisor.taps);
  const probes = new SinkProbes(options.sinks);
  const socketPath = controlSocketPath(options.stateDirectory, env);
  const endpoints = await openEndpoints(
    {
      socketPath,
      listen,
      operate: operations(
        flowLogRoutes(flowLogs, supervisor.status, probes),
        supervisor,
        context.ownFindings,
        options.log,
      ),
      followers: supervisor.followers,
    },
    supervisor.status,
    options.log,
  );
  const registryPath = join(options.stateDirectory, REGISTRY_FILE);
  const registry = {
    name: 'flow logs',
    isInPlace: () => existsSync(registryPath),
    remake: () => flowLogs.persist(),
  };
  const socket = { name: 'control socket', isInPlace: endpoints.isInPlace, remake: endpoints.reopen };
  for (const part of [registry, socket]) supervisor.state.add(part);
  const leaveManager = serveManager(supervisor, notify, reloadable && reloading(reloadable, context), options.log);
  invocation.onStatusRequest(() => logStatus(options.log, supervisor.status.read()));
  const requested = signal.aborted ? Promise.resolve() : once(signal, 'abort');
  try {
    await Promise.race([requested, supervisor.ended]);
  } finally {
    const endsAt = performance.now();
    leaveManager();
    context.renewal.stop();
    flowLogs.end();
    probes.end();
    supervisor.state.drop(socket);
    await supervisor.state.look();
    await endpoints.stop();
    await supervisor.stop();
    await context.ownFindings?.stop();
    await context.telling?.stop();
    await context.keeper?.stop();
    logEnd(options.log, supervisor.status.read(), performance.now() - endsAt);
  }
  return signal.aborted ? EXIT.ok : EXIT.unavailable;
}

/** What may be done over the control socket. */
function operations(
  flowLogs: Operate,
  { spoolControl }: Supervisor,
  findings: AgentFindings | undefined,
  log: Log,
): Operate {
  const spool = spoolRoutes(spoolControl, log);
  const found = findingsRoutes(findings);
  return (method, path, ...asked) => {
    const isOfFindings = path === FINDING_PATH || path.startsWith(FINDINGS_PATH);
    const route = path.startsWith(SPOOL_PATH) ? spool : flowLogs;
    return (isOfFindings ? found : route)(method, path, ...asked);
  };
}

/** Nothing waits for it: it captures meanwhile, and batches are pending on disk. */
function startLogService({ keeper, onLogService }: RunContext, supervisor: Supervisor, signal: AbortSignal): void {
  const started = keeper?.start(() => supervisor.deliverNow());
  void started?.then(() => {
    if (keeper !== undefined && !signal.aborted) onLogService?.(keeper.status);
  });
}

function reloading({ hangUps, readAgain }: Reloadable, { flowLogs, renewal }: RunContext): Reloading {
  const reload = async () => {
    await renewal.look();
    const { restartFor, declarations, storages } = readAgain();
    return { restartFor, flowLogs: await flowLogs.reload(declarations, storages) };
  };
  return { hangUps, reload };
}

function welcome(
  stdout: TextOutput,
  taps: readonly TapSetup[],
  { url, storeFolder, lastError }: LogServiceStatus,
): void {
  const names = taps.map((tap) => visible(tap.point.interfaceName)).join(' and ');
  const seconds = taps[0]?.point.flowLog.windowSeconds;
  const store = `--store ${quoted(storeFolder)}`;
  const query = `${ownCommand()} query 'dstport:443 | select srcaddr, sum(bytes) group by srcaddr' ${store}`;
  const analyse = `${ownCommand()} analyse top-talkers ${store}`;
  stdout.write(`flowlogd observes ${names} and writes flow log records of ${seconds} s windows.

  log service  ${url === null ? `down, restarted automatically: ${lastError}` : `${url}, topic ${EMBEDDED_TOPIC_ID}`}
  store        ${visible(storeFolder)}
  query        ${visible(query)}
  analyse      ${visible(analyse)}

The largest flows of each window follow at its end, of the first one within ${seconds} s. Ctrl-C shuts down gracefully and flushes the last window.

`);
}
