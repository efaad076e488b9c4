import type { Command } from '../cli/command.ts';
import { EXIT } from '../model/operational-error.ts';
import { AGENT_OPTIONS, namedAgent } from './agent-options.ts';

export const status: Command = {
  name: 'status',
  summary: 'Show the status of a running agent: packets, loss, windows, spool, uploads.',
  usage: '[--socket PATH | --state-directory DIR | --config FILE] [--json]',
  description:
    'Asks a running flowlogd over its control socket and shows on one screen what it captures, what it lost, its last windows, ' +
    'pending batches and uploads; and current problems, each with what to do.\n\n' +
    'Without an option it looks in .flowlogd of the current folder, in $RUNTIME_DIRECTORY or /run/flowlogd, and in the state ' +
    'directory of the defaults. The agent must be asked as the user that runs it, or as root. Exit code 69 when none answers.',
  options: [
    ...AGENT_OPTIONS,
    { name: 'json', description: 'The whole status as one JSON object; docs/operations.md explains it.' },
  ],
  examples: [
    { line: 'flowlogd status', says: 'the agent of this host, or of this folder' },
    { line: 'flowlogd status --config /etc/flowlogd/flowlogd.yaml', says: 'the agent with that configuration' },
    { line: 'flowlogd status --json', says: 'for programs' },
  ],
  async run(invocation) {
    const { askAgent } = await import('./agent-client.ts');
    const { socketPaths, stateDirectory } = await namedAgent(invocation);
    const answered = await askAgent(socketPaths, stateDirectory);
    if (invocation.flag('json')) {
      invocation.stdout.write(`${JSON.stringify(answered.status, undefined, 2)}\n`);
      return EXIT.ok;
    }
    const { formatStatus } = await import('./status-text.ts');
    const nowSeconds = Math.floor(Date.now() / 1000);
    invocation.stdout.write(formatStatus(answered.status, nowSeconds, invocation.stdout.isTTY));
    return EXIT.ok;
  },
};
