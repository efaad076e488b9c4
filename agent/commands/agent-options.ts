/** How a command line names the agent to ask: one way or none. */
import type { Invocation, OptionSpec } from '../cli/command.ts';
import type { locateAgent } from './agent-location.ts';

export const AGENT_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'socket',
    value: 'PATH',
    excludes: ['state-directory', 'config'],
    description: 'Control socket of the agent.',
  },
  { name: 'state-directory', value: 'DIR', excludes: ['config'], description: 'State directory of the agent.' },
  { name: 'config', short: 'c', value: 'FILE', description: 'Configuration of the agent.' },
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
