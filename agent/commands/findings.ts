import { SEVERITIES } from '../../analyses/analysis.ts';
import { FINDING_STATES } from '../../detect/finding.ts';
import type { Command } from '../cli/command.ts';
import { EXIT } from '../model/operational-error.ts';
import { AGENT_OPTIONS } from './agent-options.ts';
import { findingsActionOf } from './findings-actions.ts';
import { SERVICE_OPTIONS } from './running-store.ts';
import { FORMAT_OPTION } from './search-text.ts';
import { SINCE_NAMES } from './search-time.ts';

export const findings: Command = {
  name: 'findings',
  summary: 'Show what the analyses found while records arrived, and acknowledge or suppress it.',
  usage: '[ACTION] [ID] [options]',
  description:
    'The analyses for threats and network issues run at the end of each window. What they find is one finding for one cause: open, repeated, ' +
    'or closed once it is quiet. Asks the embedded log service, or the agent where that ships elsewhere.\n\n' +
    'Actions: list (the default), show ID, acknowledge ID, suppress, suppressions. show prints the query that finds the records behind a ' +
    'finding. suppress takes a rule, a peer, or both; what it fits becomes no finding until its time is over. docs/findings.md explains all of it. Exit codes: ' +
    '64 unexpected option, 65 refused, 69 nothing to ask.',
  positionals: { name: 'ACTION', min: 0, max: 2 },
  options: [
    {
      name: 'follow',
      short: 'f',
      description: 'list: print what is opened, worsened, repeated and closed from now on.',
    },
    { name: 'rule', value: 'NAME', description: 'list, suppress: findings of this analysis.' },
    { name: 'severity', value: 'LEVEL', description: `list: at least ${SEVERITIES.join(', ')}.` },
    {
      name: 'state',
      value: 'STATE',
      multiple: true,
      description: `list: ${FINDING_STATES.join(', ')}; may be repeated. Default: open and repeated; with --since all.`,
    },
    {
      ...SINCE_NAMES,
      description: 'list: seen since an age (15m), ISO 8601 time or Unix seconds. Also --last and --from.',
    },
    { name: 'limit', short: 'n', value: 'COUNT', default: '100', description: 'list: findings at most, 1 to 1000.' },
    { name: 'comment', value: 'TEXT', description: 'acknowledge, suppress: why; at most 1000 characters.' },
    { name: 'peer', value: 'ADDRESS', description: 'suppress: an address, or a prefix such as 10.0.0.0/8.' },
    { name: 'for', value: 'TIME', description: 'suppress: for so long (7d). Default: for ever.' },
    { name: 'remove', value: 'ID', description: 'suppressions: end this one.' },
    ...SERVICE_OPTIONS,
    ...AGENT_OPTIONS,
    FORMAT_OPTION,
  ],
  examples: [
    { line: 'flowlogd findings', says: 'List what is open, the most severe first.' },
    { line: 'flowlogd findings --since 1d --severity high -o json', says: 'List severe findings of a day as JSON.' },
    {
      line: "flowlogd findings suppress --rule scan-ports --peer 10.0.0.9 --for 7d --comment 'our own scanner'",
      says: 'Suppress the port scans of a host for a week.',
    },
    { line: 'flowlogd findings suppressions', says: 'List what is suppressed.' },
  ],
  async run(invocation) {
    const action = findingsActionOf(
      invocation,
      findings.options.map(({ name }) => name),
    );
    const [{ findingsAsker }, { FindingsClient }] = await Promise.all([
      import('./findings-asker.ts'),
      import('./findings-client.ts'),
    ]);
    const client = new FindingsClient(invocation, await findingsAsker(invocation));
    await client.carryOut(action, invocation.positionals[1]);
    return EXIT.ok;
  },
};
