/** Why a search may find nothing yet: the agent runs, and no window of it has ended. */
import type { Invocation } from '../cli/command.ts';
import { OperationalError } from '../model/operational-error.ts';
import { utcText } from '../model/utc-text.ts';
import type { AgentStatus } from '../telemetry/agent-status.ts';
import { askAgent } from './agent-client.ts';
import { locateAgent } from './agent-location.ts';

/** A sentence of the running agent's first window, while that is open; undefined where there is nothing to say. */
export async function firstWindowNote({ env }: Invocation, nowMs: number): Promise<string | undefined> {
  const { socketPaths, stateDirectory } = locateAgent({}, env);
  try {
    return noteOf((await askAgent(socketPaths, stateDirectory)).status, nowMs / 1000);
  } catch (error) {
    if (error instanceof OperationalError) return undefined;
    throw error;
  }
}

/** @param nowSeconds Unix seconds */
export function noteOf({ interfaces }: Pick<AgentStatus, 'interfaces'>, nowSeconds: number): string | undefined {
  const capturing = interfaces.filter(({ state }) => state === 'capturing');
  if (capturing.length === 0 || interfaces.some(({ lastWindows }) => lastWindows.length > 0)) return undefined;
  const ends = capturing.map(({ windowSeconds }) => (Math.floor(nowSeconds / windowSeconds) + 1) * windowSeconds);
  const first = Math.min(...ends);
  return `The first window ends at ${utcText(first)}; its records are here one or two seconds later.`;
}
