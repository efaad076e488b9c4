import { describe, expect, test } from 'vitest';
import type { Command, Invocation } from '../../../agent/cli/command.ts';
import { dispatch, reportFailure, runCommand } from '../../../agent/commands/dispatch.ts';
import { EXIT, OperationalError } from '../../../agent/model/operational-error.ts';
import { collecting } from '../../support/in-process.ts';

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

/** Runs `demo` over the words and hands its invocation to `look`; answers what was refused. */
async function refusal(
  words: readonly string[],
  look: (invocation: Invocation) => unknown,
): Promise<string | undefined> {
  const run = async (invocation: Invocation): Promise<0> => {
    look(invocation);
    return EXIT.ok;
  };
  try {
    await runCommand({ ...demo, run }, words, collecting());
    return undefined;
  } catch (error) {
    if (error instanceof OperationalError && error.code === 'usage.invalid') return error.message;
    throw error;
  }
}

async function seen<T>(words: readonly string[], look: (invocation: Invocation) => T): Promise<T> {
  const values: T[] = [];
  expect(await refusal(words, (invocation) => values.push(look(invocation)))).toBeUndefined();
  expect(values).toHaveLength(1);
  return values[0] as T;
}

describe('a command line', () => {
  test('gives typed values', async () => {
    const words = [
      'a',
      '--window',
      '5m',
      '--buffer=64MiB',
      '-i',
      'eth0',
      '-ilo',
      '--no-exclude',
      '-o',
      '-',
      '--',
      '--b',
    ];
    const values = await seen(words, (it) => ({
      positionals: it.positionals,
      window: it.seconds('window', { min: 1, max: 600 }),
      buffer: it.bytes('buffer'),
      interfaces: it.strings('interface'),
      keepAll: it.flag('no-exclude'),
      output: it.string('output'),
      format: it.choice('format', ['text', 'ndjson']),
      has: [it.has('window'), it.has('count'), it.has('format')],
    }));
    expect(values).toEqual({
      positionals: ['a', '--b'],
      window: 300,
      buffer: 67_108_864,
      interfaces: ['eth0', 'lo'],
      keepAll: true,
      output: '-',
      format: 'text',
      has: [true, false, false],
    });
  });

  test('lets the last of several values win, so that wrappers can be overridden', async () => {
    expect(await seen(['a', '--window', '1', '--window', '2'], (it) => it.seconds('window'))).toBe(2);
  });

  test('does not confuse its command with properties of every object', async () => {
    expect(await refusal(['a', '--constructor'], () => {})).toMatch(/unknown option --constructor/);
    expect(await refusal(['a', '--count', '__proto__'], (it) => it.integer('count'))).toMatch(/'__proto__'/);
  });

  test.each<[readonly string[], (it: Invocation) => unknown, RegExp]>([
    [[], () => {}, /^demo: missing argument FILE/],
    [['a', 'b', 'c'], () => {}, /unexpected argument 'c'/],
    [['a', '--widnow', '5'], () => {}, /unknown option --widnow; did you mean --window\?/],
    [['a', '--zzz'], () => {}, /unknown option --zzz \(/],
    [['a', '-x'], () => {}, /unknown option -x \(/],
    [['a', '--window'], () => {}, /missing value: expected --window DURATION/],
    [['a', '--format', '--window', '5'], () => {}, /missing value: expected --format/],
    [['a', '--no-exclude=yes'], () => {}, /unexpected value 'yes': --no-exclude is a flag/],
    [['a', '--window', '0'], (it) => it.seconds('window', { min: 1, max: 600 }), /--window '0'.*from 1s to 10m/],
    [['a', '--window', '1.5s'], (it) => it.seconds('window'), /invalid --window '1.5s': expected .*10s, 5m/],
    [['a', '--buffer', '64MB'], (it) => it.bytes('buffer', { min: 1 }), /--buffer '64MB'.*64MiB.*at least 1B/],
    [['a', '--count', '1e3'], (it) => it.integer('count', { max: 9 }), /--count '1e3'.*a whole number, at most 9/],
    [['a'], (it) => it.integer('count'), /missing option --count N/],
    [['a'], (it) => it.required('output'), /missing option --output PATH/],
    [
      ['a', '--format', 'ndjsn'],
      (it) => it.choice('format', ['text', 'ndjson']),
      /expected one of text, ndjson; did you mean ndjson\?/,
    ],
  ])('is refused with a sentence: %j', async (words, look, sentence) => {
    expect(await refusal(words, look)).toMatch(sentence);
  });

  test('asking for an option that the command does not declare is a bug, not a usage error', async () => {
    await expect(refusal(['a'], (it) => it.string('nope'))).rejects.toThrow(/has no option --nope in its table/);
  });

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
