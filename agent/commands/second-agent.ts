/** A second agent on the state directory of a running one. */
import { ownCommand, quoted } from '../cli/own-command.ts';
import { controlSocketPath } from '../control/control-socket.ts';
import { OperationalError } from '../model/operational-error.ts';
import { utcText } from '../model/utc-text.ts';
import type { AgentStatus } from '../telemetry/agent-status.ts';
import { askAgent } from './agent-client.ts';

/**
 * The lock of the spool refuses it as well, and also where the running agent cannot be asked; here it says who that is.
 *
 * @throws OperationalError `instance.running`
 */
export async function refuseSecondAgent(
  stateDirectory: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const running = await findAgent(stateDirectory, environment);
  if (running === undefined) return;
  const { pid, startedSeconds } = running.agent;
  throw new OperationalError(
    'instance.running',
    `flowlogd is already running in ${stateDirectory}: process ${pid}, since ${utcText(startedSeconds)}. ` +
      `Show its status (${ownCommand()} status --state-directory ${quoted(stateDirectory)}), stop it (kill ${pid}), ` +
      'or set another stateDirectory (FLOWLOGD_STATE_DIRECTORY) for this run.',
  );
}

async function findAgent(
  stateDirectory: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<AgentStatus | undefined> {
  try {
    return (await askAgent([controlSocketPath(stateDirectory, environment)], stateDirectory)).status;
  } catch (error) {
    if (error instanceof OperationalError) return undefined;
    throw error;
  }
}
