/** What a service logs of itself as a whole: one line at its start, one at its end, and one whenever SIGUSR1 asks. */
import type { Facts, Log } from '../telemetry/log.ts';
import type { AgentStatus } from '../telemetry/status.ts';

export function logStatus(log: Log, status: AgentStatus): void {
  const { windowsWritten, batchesDelivered, batchesPending, packetsLost } = progressOf(status);
  // The numbers are in the message, because a message that repeats within a minute is counted and not written.
  log.info(
    `status: ${windowsWritten} windows written, ${batchesDelivered} batches delivered, ${batchesPending} pending, ${packetsLost} packets lost`,
    progressOf(status),
  );
}

/** Since the start of the agent; what is pending may be of earlier runs. */
export function progressOf({ interfaces, recorder, exporter, spool, agent }: AgentStatus) {
  return {
    windowsWritten: recorder.windows,
    recordsWritten: recorder.records,
    batchesDelivered: exporter.deliveredBatches,
    batchesPending: spool.batches,
    packetsLost: interfaces.reduce((sum, { ledger }) => sum + ledger.lostPackets, 0),
    elapsedSeconds: agent.uptimeSeconds,
  } satisfies Facts;
}
