import { describe, expect, test } from 'vitest';
import type { Command } from '../../../agent/cli/command.ts';
import { dispatch, reportFailure, runCommand } from '../../../agent/commands/dispatch.ts';
import { COMMANDS } from '../../../agent/commands/registry.ts';
import { EXIT, OperationalError } from '../../../agent/model/operational-error.ts';
import { collecting, runInProcess } from '../../support/in-process.ts';

const demo: Command = {
  name: 'demo',
  summary: 'Shows what the parser does.',
  usage: 'FILE... [options]',
  positionals: { name: 'FILE', min: 1, max: 2 },
  options: [
    { name: 'window', value: 'DURATION', default: '60', description: 'Capture window.' },
    { name: 'buffer', value: 'SIZE', description: 'Ring.' },
    { name: 'count', value: 'N', description: 'How many.' },
    { name: 'format', value: 'FORMAT', default: 'text', description: 'Format.' },
    { name: 'interface', short: 'i', value: 'NAME', multiple: true, description: 'Where.' },
    { name: 'output', short: 'o', value: 'PATH', description: 'Where to.' },
    { name: 'no-exclude', description: 'Keep everything.' },
  ],
  examples: [{ line: 'flowlogd demo a', says: 'Nothing.' }],
  run: async () => EXIT.ok,
};

describe('the help of a command', () => {
  test('--help wins over missing arguments and shows options, defaults and examples', async () => {
    const around = collecting();
    expect(await runCommand(demo, ['--help'], around)).toBe(EXIT.ok);
    expect(around.stdout.text).toContain('Usage: flowlogd demo FILE... [options]');
    expect(around.stdout.text).toMatch(/ {2}-i, --interface NAME {3}Where. May be repeated./);
    expect(around.stdout.text).toMatch(/--window DURATION {2}Capture window. Default: 60./);
    expect(around.stdout.text).toContain('flowlogd demo a\n      Nothing.');
  });
});

describe('flowlogd', () => {
  test.each<[readonly string[], number, 'stdout' | 'stderr', RegExp]>([
    [[], EXIT.usage, 'stderr', /^flowlogd: flow logs/],
    [['--help'], EXIT.ok, 'stdout', /Commands:\n/],
    [['help'], EXIT.ok, 'stdout', /Commands:\n/],
    [['help', 'help'], EXIT.ok, 'stdout', /Usage: flowlogd help \[COMMAND\]/],
    [['--version'], EXIT.ok, 'stdout', /^flowlogd \d+\.\d+\.\d+\n$/],
    [['halp'], EXIT.usage, 'stderr', /^flowlogd: unknown command 'halp'; did you mean help\?/],
    [['help', 'toString'], EXIT.usage, 'stderr', /unknown command 'toString'/],
  ])('%j ends with %i', async (words, exitCode, stream, text) => {
    const around = collecting();
    expect(await dispatch(words, around)).toBe(exitCode);
    expect(around[stream].text).toMatch(text);
    expect(around[stream === 'stdout' ? 'stderr' : 'stdout'].text).toBe('');
  });

  test('tells an operational failure in one line and a bug with its stack', () => {
    const around = collecting();
    expect(reportFailure(new OperationalError('capture.permission', 'no.'), around)).toBe(EXIT.permission);
    expect(around.stderr.text).toBe('flowlogd: no.\n');
    expect(reportFailure(new TypeError('boom'), around)).toBe(EXIT.bug);
    expect(around.stderr.text).toMatch(/TypeError: boom\n {4}at .*\nflowlogd: internal error/s);
  });
});

describe('words that a terminal would obey', () => {
  const hostile = '\u001b]0;\u202e\u009b2J\nflowlogd: all is well';

  test.each([...COMMANDS.keys()])('are letters on one line where %s refuses them', async (name) => {
    for (const words of [[`--${hostile}`], [hostile, hostile, hostile, `--no-such=${hostile}`]]) {
      const { code, stdout, stderr } = await runInProcess([name, ...words]);
      expect({ code, stdout }).toEqual({ code: EXIT.usage, stdout: '' });
      expect(stderr.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
  });

  test('are letters in the stack of a bug', () => {
    const { stderr } = collecting();
    reportFailure(new Error(`bug ${hostile}`), { stderr });
    expect(stderr.text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});
