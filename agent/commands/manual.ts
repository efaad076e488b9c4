/** The manual page, man(7), from the same tables as the help. */

import type { Command, CommandTable, OptionSpec } from '../cli/command.ts';
import { allOptions } from '../cli/invocation.ts';
import { EXIT } from '../model/operational-error.ts';

const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'It did what was asked.',
  usage: 'The command line is wrong.',
  badData: 'Data, such as a capture file, is damaged.',
  noInput: 'A file or an interface is not there or cannot be read.',
  unavailable: 'Something that it needs does not work now: an interface, a log service, another agent.',
  bug: 'A bug in flowlogd.',
  cannotCreate: 'A file or a folder cannot be made.',
  ioError: 'Writing failed.',
  permission: 'A permission is missing.',
  configuration: 'The configuration is wrong.',
};

const FILES: readonly (readonly [string, string])[] = [
  [
    '/etc/flowlogd/flowlogd.yaml',
    'The configuration of the service; flowlogd config --reference explains every option.',
  ],
  [
    '/etc/flowlogd/cls-secret-id, /etc/flowlogd/cls-secret-key',
    'The key of the log service, for root alone (mode 0600).',
  ],
  ['/var/lib/flowlogd', 'State: open windows, batches that wait for delivery, the embedded log service.'],
  ['/run/flowlogd/control.sock', 'Where flowlogd status asks.'],
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
      'flowlogd listens to network interfaces, counts packets and bytes for each flow and time window, and ships the records to ' +
        'a log service. It never touches traffic.',
    ),
    ...section('COMMANDS'),
    ...loaded.flatMap(describeCommand),
    ...section('FILES'),
    ...FILES.flatMap(([name, says]) => item(name, says)),
    ...section('ENVIRONMENT'),
    ...text(
      'Every option of the configuration has a variable that overrides it: flowlogd config --reference names them.',
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
