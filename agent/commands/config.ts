import type { Command } from '../cli/command.ts';
import { renderRows } from '../cli/rows.ts';
import { describeOrigin, type Setting } from '../config/findings.ts';
import { EXIT } from '../model/operational-error.ts';

export const config: Command = {
  name: 'config',
  summary: 'Print the resolved configuration, or all options.',
  usage: '[--config FILE] [options]',
  description:
    'Prints every option with its effective value and where it comes from: file and line, environment variable, ' +
    'or default. Secrets are hidden.',
  options: [
    {
      name: 'config',
      short: 'c',
      value: 'FILE',
      description: 'Configuration file. Default: none, environment and defaults alone.',
    },
    { name: 'json', description: 'Print one JSON object: {"option": {"value": ..., "from": ...}}.' },
    {
      name: 'reference',
      excludes: ['config', 'json'],
      description: 'Print all options as a commented file.',
    },
  ],
  examples: [
    { line: 'flowlogd config --config flowlogd.yaml', says: 'Effective values and where they come from.' },
    {
      line: 'flowlogd config --reference > flowlogd.yaml',
      says: 'Write a template with every option explained.',
    },
    { line: 'flowlogd config --json', says: 'Defaults and environment as JSON.' },
  ],
  async run(invocation) {
    if (invocation.flag('reference')) {
      const [{ renderExample }, { SINKS }] = await Promise.all([
        import('../config/reference.ts'),
        import('../export/sinks.ts'),
      ]);
      invocation.stdout.write(renderExample(SINKS));
      return EXIT.ok;
    }
    const path = invocation.string('config');
    const { loadOnHost } = await import('./host-configuration.ts');
    const { settings, warnings } = loadOnHost(path, invocation.env);
    for (const warning of warnings) invocation.stderr.writeMessage(warning);
    invocation.stdout.write(
      invocation.flag('json') ? renderJson(settings, path ?? '') : renderTable(settings, path ?? ''),
    );
    return EXIT.ok;
  },
};

function renderTable(settings: readonly Setting[], file: string): string {
  const rows = settings.map(({ path, shown, origin }) => [
    path,
    shown === '' ? "''" : shown,
    origin.from === 'default' ? 'default' : describeOrigin(origin, file),
  ]);
  return renderRows(['OPTION', 'VALUE', 'FROM'], rows);
}

function renderJson(settings: readonly Setting[], file: string): string {
  const entries = settings.map(({ path, shown, value, origin, secret }) => [
    path,
    {
      value: typeof value === 'number' || typeof value === 'boolean' ? value : shown,
      ...(secret ? { secret } : {}),
      from: origin.from === 'default' ? 'default' : describeOrigin(origin, file),
    },
  ]);
  return `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`;
}
