import type { Command, CommandTable, OptionSpec } from '../cli/command.ts';
import { allOptions } from '../cli/invocation.ts';
import { EXIT, OperationalError } from '../model/operational-error.ts';
import { nearestWord } from '../options/nearest.ts';
import { wrap } from '../record/wrap.ts';

/** Help texts fit a terminal of this width. */
const COLUMNS = 100;

/** The command that explains the others. */
export function createHelp(commands: CommandTable): Command {
  return {
    name: 'help',
    summary: 'Show all commands, or the help of one.',
    usage: '[COMMAND]',
    positionals: { name: 'COMMAND', min: 0, max: 1 },
    options: [],
    examples: [
      { line: 'flowlogd help', says: 'List all commands.' },
      { line: 'flowlogd help check', says: 'The same as flowlogd check --help.' },
    ],
    async run(invocation) {
      const [name] = invocation.positionals;
      const command = name === undefined ? undefined : await commands.get(name)?.();
      if (name !== undefined && command === undefined) throw unknownCommand(name, commands);
      invocation.stdout.write(command === undefined ? await renderOverview(commands) : renderHelp(command));
      return EXIT.ok;
    },
  };
}

export function unknownCommand(name: string, commands: CommandTable): OperationalError {
  const nearest = nearestWord(name, commands.keys());
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  return new OperationalError('usage.invalid', `unknown command '${name}'${hint} (see flowlogd help)`);
}

/** What `flowlogd help` prints. */
export async function renderOverview(commands: CommandTable): Promise<string> {
  const loaded = await Promise.all([...commands.values()].map((load) => load()));
  return [
    'flowlogd: flow logs of any Linux host, from its packets.',
    '',
    'Usage: flowlogd COMMAND [options]',
    '       flowlogd COMMAND --help',
    '       flowlogd --version',
    '',
    'Commands:',
    ...columns(loaded.map((command) => [command.name, command.summary])),
    '',
  ].join('\n');
}

/** What `flowlogd COMMAND --help` prints: all of it comes from the command's own table. */
export function renderHelp(command: Command): string {
  const lines = [`Usage: flowlogd ${command.name} ${command.usage}`.trimEnd(), '', ...wrap(command.summary, COLUMNS)];
  for (const paragraph of command.description?.split('\n\n') ?? []) lines.push('', ...wrap(paragraph, COLUMNS));
  lines.push('', 'Options:', ...columns(allOptions(command).map((option) => [optionName(option), optionText(option)])));
  lines.push('', 'Examples:');
  for (const example of command.examples)
    lines.push(`  ${example.line}`, ...indent(wrap(example.says, COLUMNS - 6), 6));
  return `${lines.join('\n')}\n`;
}

function optionName(option: OptionSpec): string {
  const short = option.short === undefined ? '    ' : `-${option.short}, `;
  return `${short}--${option.name}${option.value === undefined ? '' : ` ${option.value}`}`;
}

function optionText(option: OptionSpec): string {
  const repeat = option.multiple === true && !option.description.includes('May be repeated') ? ' May be repeated.' : '';
  // An empty default is the absence of what the description speaks of.
  const fallback = option.default ? ` Default: ${option.default}.` : '';
  return option.description + repeat + fallback;
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.flatMap(([name, text]) => {
    const [first = '', ...rest] = wrap(text, COLUMNS - width - 4);
    return [`  ${name.padEnd(width)}  ${first}`, ...indent(rest, width + 4)];
  });
}

function indent(lines: readonly string[], spaces: number): string[] {
  return lines.map((line) => ' '.repeat(spaces) + line);
}
