import type { Command } from '../cli/command.ts';
import { EXIT } from '../model/operational-error.ts';
import { AGENT_OPTIONS, namedAgent } from './agent-options.ts';
import { actionOf } from './flow-log-actions.ts';

export const flowLogs: Command = {
  name: 'flow-logs',
  summary: 'List, create, change and delete the flow logs of a running agent.',
  usage: 'ACTION [FLOW-LOG] [WORD]... [options]',
  description:
    'Talks to a running flowlogd over its control socket, as the user that runs it or as root. A FLOW-LOG is given by its ' +
    'id, or by its name where that is unique.\n\n' +
    'Mutable: name, description, tags, enabled or disabled, and the ' +
    'window of type CCN. To change anything else, ' +
    'delete the flow log and create a new one. Other flow logs are not affected. A flow log that ' +
    'the configuration file declares is deleted in that file.\n\n' +
    'Actions: list, describe FLOW-LOG, create, modify FLOW-LOG, rename FLOW-LOG NAME, tag FLOW-LOG KEY=VALUE..., untag FLOW-LOG KEY..., ' +
    'enable, disable and delete FLOW-LOG.... Exit codes: 64 unexpected option, 78 refused, 66 ' +
    'no such interface, 69 no agent reachable.',
  positionals: { name: 'ACTION', min: 1, max: 65 },
  options: [
    { name: 'name', value: 'TEXT', description: 'create, modify: name; list: filter by name.' },
    { name: 'description', value: 'TEXT', description: 'create, modify, rename: description.' },
    {
      name: 'interface',
      short: 'i',
      value: 'IFACE',
      multiple: true,
      description: 'create: interface, pattern (eth*), default or any; list: filter by interface. May be repeated.',
    },
    {
      name: 'tag',
      value: 'KEY[=VALUE]',
      multiple: true,
      description: 'create: tag; list: filter by tag. May be repeated.',
    },
    { name: 'traffic-type', value: 'TYPE', description: 'create, list: ALL, ACCEPT or REJECT.' },
    { name: 'resource-type', value: 'TYPE', description: 'create, list: NETWORKINTERFACE, NAT or CCN.' },
    { name: 'window', value: 'SECONDS', description: 'create: length of the capture windows; modify: type CCN only.' },
    {
      name: 'set',
      value: 'OPTION=VALUE',
      multiple: true,
      description: 'create: any other option of a flow log, with its value as in the configuration file.',
    },
    { name: 'order', value: 'FIELD', default: 'created', description: 'list: sort by created or name.' },
    { name: 'ascending', description: 'list: sort in ascending order.' },
    ...AGENT_OPTIONS,
    { name: 'json', description: 'Print JSON (see docs/flow-logs.md).' },
  ],
  examples: [
    { line: 'flowlogd flow-logs list', says: 'List all flow logs, the newest first.' },
    { line: 'flowlogd flow-logs list --tag env=production --json', says: 'List some flow logs as JSON.' },
    { line: 'flowlogd flow-logs describe web', says: 'Show one flow log and the state of its delivery.' },
    {
      line: 'flowlogd flow-logs create --name web -i eth1 --window 60 --tag env=production',
      says: 'Start observing another interface.',
    },
    { line: "flowlogd flow-logs rename fl-4kd02xq9 'web tier'", says: 'Rename a flow log; its id stays.' },
    {
      line: 'flowlogd flow-logs disable web',
      says: 'Close and ship the open window, then stop capturing until enabled.',
    },
    { line: 'flowlogd flow-logs delete web', says: 'Close and ship the open window, then delete the flow log.' },
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
