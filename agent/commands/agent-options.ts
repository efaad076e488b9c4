/** How a command line names the agent to ask: one way or none. */
import type { Invocation, OptionSpec } from '../cli/command.ts';
import type { locateAgent } from './agent-location.ts';

export const AGENT_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'socket',
    value: 'PATH',
    excludes: ['state-directory', 'config'],
    description: 'The control socket itself.',
  },
  { name: 'state-directory', value: 'DIR', excludes: ['config'], description: 'Where the agent has its state.' },
  { name: 'config', short: 'c', value: 'FILE', description: 'The configuration that the agent runs with.' },
];

/** The sockets to try, and whose state they must have. */
export async function namedAgent(
  invocation: Invocation,
): Promise<Pick<ReturnType<typeof locateAgent>, 'socketPaths' | 'stateDirectory'>> {
  const socket = invocation.string('socket');
  if (socket !== undefined) return { socketPaths: [socket], stateDirectory: undefined };
  const named = { config: invocation.string('config'), stateDirectory: invocation.string('state-directory') };
  return (await import('./agent-location.ts')).locateAgent(named, invocation.env);
}
