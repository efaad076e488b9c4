/** Why a search may find nothing yet: the agent runs, and no window of it has ended. */
import { resolve } from 'node:path';
import type { Invocation } from '../cli/command.ts';
import { utcText } from '../model/utc-text.ts';
import type { AgentStatus } from '../telemetry/agent-status.ts';
import { runningStatus } from './running-agent.ts';

/** For a search that found nothing, where the running agent stores into what was searched. */
export async function writeFirstWindowNote(
  { stderr, env }: Invocation,
  storeFolder: string,
  nowMs: number,
): Promise<void> {
  const status = await runningStatus(env);
  const note = status && firstWindowNote(status, storeFolder, nowMs / 1000);
  if (note !== undefined) stderr.write(`${note}\n`);
}

/**
 * A sentence about the first window, while that is open; undefined where there is nothing to say, or the records go elsewhere.
 *
 * @param storeFolder that was searched
 * @param nowSeconds Unix seconds
 */
export function firstWindowNote(
  { interfaces, logService }: Pick<AgentStatus, 'interfaces' | 'logService'>,
  storeFolder: string,
  nowSeconds: number,
): string | undefined {
  if (logService === null || resolve(logService.storeFolder) !== resolve(storeFolder)) return undefined;
  const capturing = interfaces.filter(({ state }) => state === 'capturing');
  if (capturing.length === 0 || interfaces.some(({ lastWindows }) => lastWindows.length > 0)) return undefined;
  const ends = capturing.map(({ windowSeconds }) => (Math.floor(nowSeconds / windowSeconds) + 1) * windowSeconds);
  const first = Math.min(...ends);
  return `The first window ends at ${utcText(first)}; its records are here one or two seconds later.`;
}
