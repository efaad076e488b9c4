/** What a service logs of itself as a whole: one line at its start, one at its end, and one whenever SIGUSR1 asks. */
import { readVersion } from '../cli/version.ts';
import type { Sandbox } from '../model/sandbox.ts';
import type { Sink } from '../model/sink.ts';
import { sandboxText } from '../sandbox/sandbox-text.ts';
import type { AgentStatus } from '../telemetry/agent-status.ts';
import type { Facts, Log } from '../telemetry/log.ts';

/** What counts in this run. */
export interface StartFacts {
  readonly configPath: string | undefined;
  readonly stateDirectory: string;
  readonly engine: string;
  readonly sinks: readonly { readonly sink: Sink }[];
  readonly flowLogs: readonly string[];
  readonly sandbox: Sandbox;
}

export function logStart(log: Log, { configPath, stateDirectory, engine, sinks, flowLogs, sandbox }: StartFacts): void {
  const configuration = configPath ?? 'built-in defaults';
  const facts = {
    version: readVersion(),
    configuration,
    stateDirectory,
    engine,
    sinks: sinks.map(({ sink }) => sink.description),
    flowLogs,
    sandbox: sandboxText(sandbox),
  };
  log.info('flowlogd started', facts);
  logSandbox(log, sandbox);
}

function logSandbox(log: Log, { user, systemCalls }: Sandbox): void {
  if (user.handedOver > 0)
    log.info('state handed over from root', { user: user.name ?? user.uid, files: user.handedOver });
  if (user.reason !== null) log.warn(`still root: ${user.reason}; grant that, or set user: root`);
  if (systemCalls.limited) return;
  log.warn('system calls not limited; a fault in capture has all that the user of flowlogd has', {
    reason: systemCalls.reason,
  });
}

/** @param stopMs how long the end took */
export function logEnd(log: Log, status: AgentStatus, stopMs: number): void {
  log.info('flowlogd stopped', { ...progressOf(status), stopSeconds: Number((stopMs / 1000).toFixed(1)) });
}

export function logStatus(log: Log, status: AgentStatus): void {
  const { windowsWritten, batchesDelivered, batchesPending, packetsLost } = progressOf(status);
  // The numbers are in the message, because a message that repeats within a minute is counted and not written.
  log.info(
    `status: ${windowsWritten} windows written, ${batchesDelivered} batches delivered, ${batchesPending} pending, ${packetsLost} packets lost`,
    progressOf(status),
  );
}

/** Since the start of the agent; what is pending may be of earlier runs. */
export function progressOf({ interfaces, recorder, sinks, spool, agent }: AgentStatus) {
  return {
    windowsWritten: recorder.windows,
    recordsWritten: recorder.records,
    batchesDelivered: sinks.reduce((sum, { deliveredBatches }) => sum + deliveredBatches, 0),
    batchesPending: spool.batches,
    packetsLost: interfaces.reduce((sum, { ledger }) => sum + ledger.lostPackets, 0),
    elapsedSeconds: agent.uptimeSeconds,
  } satisfies Facts;
}
