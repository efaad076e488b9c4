import type { Command } from '../cli/command.ts';
import { EXIT } from '../model/operational-error.ts';
import { AGENT_OPTIONS, namedAgent } from './agent-options.ts';
import { actionOf } from './flow-log-actions.ts';

export const flowLogs: Command = {
  name: 'flow-logs',
  summary: 'List, create, change and delete the flow logs of a running agent.',
  usage: 'ACTION [FLOW-LOG] [WORD]... [options]',
  description:
    'Speaks with a running flowlogd over its control socket, as the user that runs it or as root. A FLOW-LOG is named by its ' +
    'id or, where only one has it, by its name.\n\n' +
    'After its creation only the name, the description, the tags and whether it is enabled may change, and the ' +
    'window of type CCN; for anything else ' +
    'delete it and create a new one. The others go on without losing a packet, whatever is done to one of them. A flow log that ' +
    'the configuration file declares is deleted there.\n\n' +
    'Actions: list, describe FLOW-LOG, create, modify FLOW-LOG, rename FLOW-LOG NAME, tag FLOW-LOG KEY=VALUE..., untag FLOW-LOG KEY..., ' +
    'enable, disable and delete FLOW-LOG.... Exit code 64 for options that the action does not take, 78 for what is refused, 66 ' +
    'for an interface that is not there, 69 when no agent answers.',
  positionals: { name: 'ACTION', min: 1, max: 65 },
  options: [
    { name: 'name', value: 'TEXT', description: 'create, modify: its name; list: only those of this name.' },
    { name: 'description', value: 'TEXT', description: 'create, modify, rename: what it is for.' },
    {
      name: 'interface',
      short: 'i',
      value: 'IFACE',
      multiple: true,
      description:
        'create: an interface, a pattern (eth*), default or any; list: only those that have it. May be repeated.',
    },
    {
      name: 'tag',
      value: 'KEY[=VALUE]',
      multiple: true,
      description: 'create: a tag; list: only those that have it. May be repeated.',
    },
    { name: 'traffic-type', value: 'TYPE', description: 'create, list: ALL, ACCEPT or REJECT.' },
    { name: 'resource-type', value: 'TYPE', description: 'create, list: NETWORKINTERFACE, NAT or CCN.' },
    { name: 'window', value: 'SECONDS', description: 'create: length of its capture windows; modify: of type CCN.' },
    {
      name: 'set',
      value: 'OPTION=VALUE',
      multiple: true,
      description: 'create: any other option of a flow log in the configuration, its value as in the file.',
    },
    { name: 'order', value: 'FIELD', default: 'created', description: 'list: created or name.' },
    { name: 'ascending', description: 'list: the oldest, or A, first.' },
    ...AGENT_OPTIONS,
    { name: 'json', description: 'JSON for programs; docs/flow-logs.md explains it.' },
  ],
  examples: [
    { line: 'flowlogd flow-logs list', says: 'all of them, the newest first' },
    { line: 'flowlogd flow-logs list --tag env=production --json', says: 'some of them, for programs' },
    { line: 'flowlogd flow-logs describe web', says: 'one of them, and whether its records arrive' },
    {
      line: 'flowlogd flow-logs create --name web -i eth1 --window 60 --tag env=production',
      says: 'observe one more interface from now on',
    },
    { line: "flowlogd flow-logs rename fl-4kd02xq9 'web tier'", says: 'its id stays' },
    { line: 'flowlogd flow-logs disable web', says: 'its window is closed and shipped; enable goes on' },
    { line: 'flowlogd flow-logs delete web', says: 'its window is closed and shipped, and it is gone' },
  ],
  async run(invocation) {
    const optionNames = flowLogs.options.map(({ name }) => name);
    const action = actionOf(invocation, optionNames);
    const [{ askAgent }, { FlowLogsClient }] = await Promise.all([
      import('./agent-client.ts'),
      import('./flow-logs-client.ts'),
    ]);
    const { socketPaths, stateDirectory } = await namedAgent(invocation);
    const { socketPath } = await askAgent(socketPaths, stateDirectory);
    await new FlowLogsClient(invocation, socketPath).carryOut(action, invocation.positionals.slice(1));
    return EXIT.ok;
  },
};
