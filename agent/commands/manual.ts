/** The manual page, man(7), from the same tables as the help. */

import type { Command, CommandTable, OptionSpec } from '../cli/command.ts';
import { allOptions } from '../cli/invocation.ts';
import { EXIT } from '../model/operational-error.ts';

const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'Success.',
  usage: 'Invalid command line.',
  badData: 'Corrupt data, such as a truncated capture file.',
  noInput: 'A file or an interface does not exist or cannot be read.',
  unavailable: 'A required interface, log service or agent is unavailable.',
  bug: 'Internal error: a bug in flowlogd.',
  cannotCreate: 'A file or a folder cannot be created.',
  ioError: 'A write failed.',
  permission: 'Permission denied.',
  configuration: 'Invalid configuration.',
};

const FILES: readonly (readonly [string, string])[] = [
  ['/etc/flowlogd/flowlogd.yaml', 'Configuration of the service; see flowlogd config --reference.'],
  [
    '/etc/flowlogd/cls-secret-id, /etc/flowlogd/cls-secret-key',
    'Key of the log service, readable by root only (mode 0600).',
  ],
  ['/var/lib/flowlogd', 'State: open windows, pending batches, store of the embedded log service.'],
  ['/run/flowlogd/control.sock', 'Control socket of the running agent.'],
];

/** What flowlogd.8 holds. */
export async function renderManual(commands: CommandTable, version: string): Promise<string> {
  const loaded = await Promise.all([...commands.values()].map((load) => load()));
  return [
    `.TH FLOWLOGD 8 "" "flowlogd ${roff(version)}" "System administration"`,
    ...section('NAME', 'flowlogd \\- flow logs of any Linux host, from its packets'),
    ...section('SYNOPSIS'),
    ...loaded.flatMap((command) => [`.B ${roff(`flowlogd ${command.name}`)}`, ...text(command.usage), '.br']),
    ...section('DESCRIPTION'),
    ...text(
      'flowlogd captures on network interfaces, counts packets and bytes per flow and time window, and ships the records to ' +
        'a log service. It is passive: traffic is never modified.',
    ),
    ...section('COMMANDS'),
    ...loaded.flatMap(describeCommand),
    ...section('FILES'),
    ...FILES.flatMap(([name, says]) => item(name, says)),
    ...section('ENVIRONMENT'),
    ...text(
      'Every configuration option has an environment variable that overrides it: see flowlogd config --reference.',
    ),
    ...section('EXIT STATUS'),
    ...Object.entries(EXIT).flatMap(([name, code]) => item(String(code), EXIT_MEANINGS[name as keyof typeof EXIT])),
    ...section('SEE ALSO'),
    '.BR systemctl (1),',
    '.BR pcap\\-filter (7),',
    '.BR tcpdump (8)',
    '',
  ].join('\n');
}

function describeCommand(command: Command): string[] {
  const options = allOptions(command);
  return [
    `.SS "${roff(`flowlogd ${command.name} ${command.usage}`.trimEnd())}"`,
    ...text(command.summary),
    ...(command.description?.split('\n\n') ?? []).flatMap((paragraph) => ['.PP', ...text(paragraph)]),
    ...options.flatMap((option) => item(optionNames(option), optionText(option))),
    '.PP',
    'Examples:',
    ...command.examples.flatMap(({ line, says }) => [
      '.PP',
      '.RS 4',
      '.nf',
      ...text(line),
      '.fi',
      '.RS 4',
      ...text(says),
      '.RE',
      '.RE',
    ]),
  ];
}

function optionNames({ name, short, value }: OptionSpec): string {
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`;
  return value === undefined ? names : `${names} ${value}`;
}

function optionText({ description, multiple, default: fallback }: OptionSpec): string {
  const repeat = multiple === true && !description.includes('May be repeated') ? ' May be repeated.' : '';
  return `${description}${repeat}${fallback ? ` Default: ${fallback}.` : ''}`;
}

function section(name: string, ...lines: readonly string[]): string[] {
  return [`.SH ${name}`, ...lines];
}

function item(name: string, says: string): string[] {
  return ['.TP', `.B ${roff(name)}`, ...text(says)];
}

/** A line that begins with a dot or a quote would be a request. */
function text(words: string): string[] {
  return words === '' ? [] : [roff(words).replace(/^(?=[.'])/, '\\&')];
}

function roff(words: string): string {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('"', '\\(dq')
    .replaceAll("'", '\\(aq')
    .replaceAll('’', '\\(cq')
    .replaceAll(/\s+/g, ' ');
}
