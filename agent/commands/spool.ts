import type { Command } from '../cli/command.ts';
import { EXIT } from '../model/operational-error.ts';
import { AGENT_OPTIONS } from './agent-options.ts';
import { spoolActionOf } from './spool-actions.ts';

export const spool: Command = {
  name: 'spool',
  summary: 'List, retry, export and delete batches that are not delivered.',
  usage: 'ACTION [BATCH]... [options]',
  description:
    'Batches are pending in the spool of an agent until each sink has acknowledged them; those that a sink can never accept are ' +
    'in its quarantine. list and export only read, with an agent running or not. retry and remove ask the agent that runs, ' +
    'and work in the folder themselves where none does.\n\n' +
    'Actions: list, retry [BATCH]..., export [BATCH]..., remove SINK. Exit code 64 for options that the action does not take, 65 where a ' +
    'batch is corrupt or stays in the quarantine, 69 where another process has the spool, 73 where it cannot be read.',
  positionals: { name: 'ACTION', min: 1, max: 1000 },
  options: [
    { name: 'sink', value: 'NAME', description: 'list, retry, export: only what this sink has to deliver.' },
    {
      name: 'quarantined',
      description: 'list, export: only what is in quarantine; retry: all of it is pending again.',
    },
    { name: 'all', excludes: ['quarantined'], description: 'export: everything, pending and quarantined.' },
    { name: 'limit', value: 'COUNT', default: '1000', description: 'list: batches at most, the oldest first.' },
    {
      name: 'format',
      value: 'FORMAT',
      default: 'ndjson',
      description:
        'export: ndjson (one JSON object a line), text (rows under their header) or batch (length-delimited proto/flowlog.proto).',
    },
    {
      name: 'output',
      short: 'o',
      value: 'PATH',
      default: '-',
      description: 'export: a file; an existing folder, for one file each batch; - is standard output.',
    },
    ...AGENT_OPTIONS,
    { name: 'json', description: 'JSON for programs; docs/spool.md explains it.' },
  ],
  examples: [
    { line: 'flowlogd spool list', says: 'what is not delivered, for which sink, and why' },
    { line: 'flowlogd spool list --quarantined --json', says: 'what can never be delivered, for programs' },
    { line: 'flowlogd spool retry', says: 'try what is pending at once' },
    {
      line: 'flowlogd spool retry --quarantined --sink cls',
      says: 'once mended: the quarantine of a sink is pending again',
    },
    { line: 'flowlogd spool export --all -o pending.ndjson', says: 'the records of all that is not delivered' },
    { line: 'flowlogd spool remove old', says: 'delete what is left of a sink that is not in the configuration' },
  ],
  async run(invocation) {
    const action = spoolActionOf(
      invocation,
      spool.options.map(({ name }) => name),
    );
    const { SpoolClient } = await import('./spool-client.ts');
    const isComplete = await (await SpoolClient.of(invocation)).carryOut(action, invocation.positionals.slice(1));
    return isComplete ? EXIT.ok : EXIT.badData;
  },
};
