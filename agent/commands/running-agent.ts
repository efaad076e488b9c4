import { OperationalError } from '../model/operational-error.ts';
import type { AgentStatus } from '../telemetry/agent-status.ts';

/** The status of the agent that runs where the environment says, as `flowlogd status` finds it; undefined where none answers. */
export async function runningStatus(
  env: Readonly<Record<string, string | undefined>>,
): Promise<AgentStatus | undefined> {
  const [{ locateAgent }, { askAgent }] = await Promise.all([
    import('./agent-location.ts'),
    import('./agent-client.ts'),
  ]);
  try {
    const { socketPaths, stateDirectory } = locateAgent({}, env);
    return (await askAgent(socketPaths, stateDirectory)).status;
  } catch (error) {
    if (error instanceof OperationalError) return undefined;
    throw error;
  }
}
