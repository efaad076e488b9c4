import type { Command, Invocation } from '../cli/command.ts';
import type { Configuration } from '../config/load.ts';
import { EXIT } from '../model/operational-error.ts';
import type { SinkPlan } from '../model/sink-plan.ts';
import type { incidentRow } from '../record/incident-fields.ts';
import { visible } from '../terminal/visible-text.ts';

export const check: Command = {
  name: 'check',
  summary: 'Validate a configuration file.',
  usage: '--config FILE [--connect | --skip-files]',
  description:
    'Reads the file and the environment as run does, and reports all problems at once: line and column, the ' +
    'option, the expected value, and the nearest known name for a misspelt one; for a valid file, the fields that incident analysis ' +
    'would miss. Exit code 78 on problems. Nothing is ' +
    'started, no interface is touched, and no network without --connect. The memory of the packet rings is that of the interfaces that match now.',
  options: [
    {
      name: 'connect',
      excludes: ['skip-files'],
      description:
        'Also ask each sink whether it would take records, without sending any, and post a signed test message to the webhook of ' +
        'findings; exit code 69 when one would not.',
    },
    { name: 'config', short: 'c', value: 'FILE', description: 'The configuration file (YAML).' },
    {
      name: 'skip-files',
      description:
        'Skip the files that the configuration refers to, such as credentials that only the service can read.',
    },
  ],
  examples: [
    { line: 'flowlogd check --config /etc/flowlogd/flowlogd.yaml', says: 'Validate before a restart.' },
    {
      line: 'flowlogd check -c docs/examples/gateway.yaml --skip-files',
      says: 'Validate on another machine than the target.',
    },
    {
      line: 'FLOWLOGD_LOG_LEVEL=debug flowlogd check -c flowlogd.yaml',
      says: 'Validate with an override from the environment.',
    },
  ],
  async run(invocation) {
    const path = invocation.required('config');
    const { loadOnHost } = await import('./host-configuration.ts');
    const { configuration, warnings } = loadOnHost(path, invocation.env, !invocation.flag('skip-files'));
    for (const warning of warnings) invocation.stderr.writeMessage(warning);
    const [{ incidentRow }, { configuredSinks, hostIdOf }] = await Promise.all([
      import('../record/incident-fields.ts'),
      import('./plan.ts'),
    ]);
    const { ringEstimate } = await import('./ring-estimate.ts');
    const sinks = configuredSinks(configuration);
    const lines = [
      `${path} is valid: ${summarise(configuration, sinks, invocation.env)}`,
      ...incidentHints(configuration, incidentRow),
      ringEstimate(configuration),
    ];
    invocation.stdout.write(`${lines.map(visible).join('\n')}\n`);
    if (!invocation.flag('connect')) return EXIT.ok;
    const { probeSinks, probeWebhook } = await import('./sink-check.ts');
    const { webhook } = configuration;
    const reports = await Promise.all([
      probeSinks(sinks, invocation),
      ...(webhook === undefined ? [] : [probeWebhook(webhook, hostIdOf(configuration), invocation)]),
    ]);
    for (const line of reports.flatMap(({ lines }) => lines)) invocation.stdout.write(`${visible(line)}\n`);
    return reports.find(({ exitCode }) => exitCode !== EXIT.ok)?.exitCode ?? EXIT.ok;
  },
};

/** What to add to documented rows before they are immutable; one hint for all flow logs that need the same. */
function incidentHints({ flowLogs }: Configuration, row: typeof incidentRow): string[] {
  const namesByHint = new Map<string, string[]>();
  for (const { name, resourceType, rejects } of flowLogs.filter(({ fields }) => fields.length === 0)) {
    const { missing, words } = row(resourceType, rejects !== undefined);
    const hint =
      `the documented row lacks ${missing.join(', ')}, required for incident analysis. ` +
      `Set fields: [${words.join(', ')}] before the flow log is created: fields are immutable.`;
    namesByHint.set(hint, [...(namesByHint.get(hint) ?? []), name]);
  }
  return [...namesByHint].map(([hint, names]) => `Hint for ${names.join(', ')}: ${hint}`);
}

/** `2 flow logs (web on eth0; vpn on wg*), to the topic ... at https://...`. */
function summarise({ flowLogs }: Configuration, sinks: readonly SinkPlan[], environment: Invocation['env']): string {
  const named = flowLogs.map(({ name, interfaces }) => `${name} on ${interfaces.join(', ')}`).join('; ');
  const count = flowLogs.length === 1 ? '1 flow log' : `${flowLogs.length} flow logs`;
  return flowLogs.length === 0
    ? 'no flow logs: nothing is captured'
    : `${count} (${named}), to ${sinks.map((sink) => sink.describe(environment)).join(' and ')}`;
}
