import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Command, Invocation, OptionSpec } from '../../../agent/cli/command.ts';
import { allOptions, createInvocation, HELP_OPTION } from '../../../agent/cli/invocation.ts';
import { EXIT, OperationalError } from '../../../agent/model/operational-error.ts';
import { collecting } from '../../support/in-process.ts';

const OPTIONS: readonly OptionSpec[] = [
  { name: 'window', value: 'DURATION', default: '60', description: 'Capture window.' },
  { name: 'buffer', value: 'SIZE', description: 'Ring.' },
  { name: 'count', value: 'N', description: 'How many.' },
  { name: 'format', value: 'FORMAT', default: 'text', description: 'Format.' },
  { name: 'interface', short: 'i', value: 'NAME', multiple: true, description: 'Where.' },
  { name: 'output', short: 'o', value: 'PATH', description: 'Where to.' },
  { name: 'no-exclude', description: 'Keep everything.' },
  { name: 'quiet', short: 'q', description: 'Print nothing.' },
  { name: 'json', excludes: ['format', 'quiet'], description: 'As JSON.' },
  { name: 'count-max', value: 'N', requires: 'count', description: 'No more than these.' },
  { name: 'since', short: 's', aliases: ['last', 'from'], value: 'TIME', default: '15m', description: 'Earliest.' },
];

const demo: Command = {
  name: 'demo',
  summary: 'Shows what the parser does.',
  usage: 'FILE... [options]',
  positionals: { name: 'FILE', min: 1, max: 2 },
  options: OPTIONS,
  examples: [],
  run: async () => EXIT.ok,
};
const wrapper: Command = {
  ...demo,
  name: 'wrapper',
  positionals: { name: 'FILE', min: 0, max: 0 },
  takesProgram: true,
};

function parse(words: readonly string[], command = demo): Invocation {
  return createInvocation(command, words, collecting());
}

/** What is refused of these words, or of what is asked of them. */
function refusal(words: readonly string[], ask: (it: Invocation) => unknown = () => {}, command = demo): string {
  try {
    ask(parse(words, command));
  } catch (error) {
    if (error instanceof OperationalError && error.code === 'usage.invalid') return error.message;
    throw error;
  }
  throw new Error(`nothing was refused of ${words.join(' ')}`);
}

describe('a command line', () => {
  test('gives typed values', () => {
    const words = 'a --window 5m --buffer=64MiB -i eth0 -ilo --no-exclude -o - -- --b'.split(' ');
    const it = parse(words);
    expect(it.positionals).toEqual(['a', '--b']);
    expect(it.program).toEqual([]);
    expect(it.seconds('window', { min: 1, max: 600 })).toBe(300);
    expect(it.bytes('buffer')).toBe(67_108_864);
    expect(it.strings('interface')).toEqual(['eth0', 'lo']);
    expect([it.flag('no-exclude'), it.flag('quiet')]).toEqual([true, false]);
    expect(it.string('output')).toBe('-');
    expect(it.choice('format', ['text', 'ndjson'])).toBe('text');
    expect([it.has('window'), it.has('count'), it.has('format')]).toEqual([true, false, false]);
  });

  test('has defaults for what is not given, and nothing where there is none', () => {
    const it = parse(['a']);
    expect(it.string('window')).toBe('60');
    expect(it.required('format')).toBe('text');
    expect(it.string('output')).toBeUndefined();
    expect(it.strings('window')).toEqual([]);
    expect(it.strings('interface')).toEqual([]);
  });

  test('lets the last of several values win, so that wrappers can be overridden', () => {
    expect(parse(['a', '--window', '1', '--window', '2']).seconds('window')).toBe(2);
    expect(parse(['a', '-qq', '--quiet']).flag('quiet')).toBe(true);
  });

  test('takes an empty value where it is one, and asks for it where it is forgotten', () => {
    expect(parse(['a', '--output=']).required('output')).toBe('');
    expect(parse(['a', '--output', '']).required('output')).toBe('');
    expect(refusal(['a', '--output'])).toContain('missing value: expected --output PATH');
  });

  test('has the environment and the signals of its process', () => {
    const context = collecting({ env: { HOME: '/root' } });
    const heard: string[] = [];
    const it = createInvocation(demo, ['a'], {
      ...context,
      onHangUp: () => heard.push('hang-up'),
      onStatusRequest: () => heard.push('status'),
    });
    it.onHangUp(() => {});
    it.onStatusRequest(() => {});
    expect(heard).toEqual(['hang-up', 'status']);
    expect(it.env).toBe(context.env);
  });

  test('takes the signals of its process over only when its command looks at them', () => {
    let looks = 0;
    const context = Object.defineProperty({ ...collecting() }, 'signal', {
      get: () => {
        looks++;
        return AbortSignal.abort();
      },
    });
    const it = createInvocation(demo, ['a'], context);
    expect(looks).toBe(0);
    expect(it.signal.aborted).toBe(true);
    expect(looks).toBe(1);
  });

  const SPELLINGS: readonly ((name: string, short: string, value: string) => readonly string[])[] = [
    (name, _short, value) => [`--${name}`, value],
    (name, _short, value) => [`--${name}=${value}`],
    (_name, short, value) => [`-${short}`, value],
    (_name, short, value) => [`-${short}${value}`],
  ];
  test('means the same in every spelling of an option, wherever it stands', () => {
    const value = fc.string({ minLength: 1 }).filter((text) => !text.startsWith('-') && !text.startsWith('='));
    fc.assert(
      fc.property(value, fc.constantFrom(...SPELLINGS), fc.boolean(), (text, spell, isFirst) => {
        const option = spell('output', 'o', text);
        const it = parse(isFirst ? [...option, 'a'] : ['a', ...option]);
        expect(it.string('output')).toBe(text);
        expect(it.positionals).toEqual(['a']);
      }),
    );
  });

  test('means an option by each of its names, and the last one counts', () => {
    expect(parse(['a']).string('since')).toBe('15m');
    for (const name of ['since', 'last', 'from']) expect(parse(['a', `--${name}`, '1h']).string('since')).toBe('1h');
    expect(parse(['a', '--from', '2h', '-s', '3h', '--last=4h']).string('since')).toBe('4h');
    expect(parse(['a', '--last', '1h']).has('since')).toBe(true);
    expect(refusal(['a', '--lats', '1h'])).toContain('did you mean --last?');
  });

  test('is accepted or refused with a sentence, whatever its words are', () => {
    const own = OPTIONS.flatMap(({ name, short }) => [`--${name}`, `--${name}=x`, ...(short ? [`-${short}`] : [])]);
    const strange = [
      '--',
      '-',
      '---',
      '--=',
      '-=',
      '--no-',
      '--__proto__',
      '--constructor=1',
      '-h',
      '-qio',
      '\0',
      '-\n',
    ];
    const word = fc.oneof(fc.string(), fc.constantFrom(...own), fc.constantFrom(...strange));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), fc.constantFrom(demo, wrapper), (words, command) => {
        try {
          const it = parse(words, command);
          expect(it.has('help') || it.positionals.length <= command.positionals!.max).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(OperationalError);
          expect((error as OperationalError).code).toBe('usage.invalid');
          expect((error as OperationalError).message).toMatch(/^(demo|wrapper): .* \(see flowlogd \1 --help\)$/s);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a command line of a command that runs a program', () => {
  test('has the words of the program behind the dashes, its options and further dashes included', () => {
    const it = parse(['--window', '5', '--', 'curl', '-o', '--', '--window', '9'], wrapper);
    expect(it.program).toEqual(['curl', '-o', '--', '--window', '9']);
    expect(it.positionals).toEqual([]);
    expect(it.seconds('window')).toBe(5);
    expect(it.has('output')).toBe(false);
  });

  test('has none without dashes', () => {
    expect(refusal(['curl'], undefined, wrapper)).toContain("wrapper: unexpected argument 'curl'");
    expect(parse(['--'], wrapper).program).toEqual([]);
  });
});

describe('a command line is refused', () => {
  test.each<[readonly string[], string]>([
    [[], 'missing argument FILE'],
    [['a', 'b', 'c'], "unexpected argument 'c'"],
    [['a', '--widnow', '5'], 'unknown option --widnow; did you mean --window?'],
    [['a', '--zzz'], 'unknown option --zzz'],
    [['a', '-x'], 'unknown option -x'],
    [['a', '-qx'], 'unknown option -x'],
    [['a', '--constructor'], 'unknown option --constructor'],
    [['a', '--__proto__=1'], 'unknown option --__proto__'],
    [['a', '--no-quiet'], 'unknown option --no-quiet'],
    [['a', '--window'], 'missing value: expected --window DURATION'],
    [['a', '-i'], 'missing value: expected -i NAME'],
    [['a', '--format', '--window', '5'], 'missing value: expected --format FORMAT'],
    [['a', '-o', '-q'], 'missing value: expected -o PATH'],
    [['a', '--no-exclude=yes'], "unexpected value 'yes': --no-exclude is a flag"],
    [['a', '--json', '-q'], '--json cannot be combined with --format or --quiet'],
    [['a', '--json', '--format', 'text'], '--json cannot be combined with --format or --quiet'],
    [['a', '--count-max', '5'], '--count-max requires --count'],
  ])('%j: %s', (words, sentence) => {
    expect(refusal(words)).toBe(`demo: ${sentence} (see flowlogd demo --help)`);
  });

  test.each<[readonly string[], (it: Invocation) => unknown, string]>([
    [
      ['--window', '0'],
      (it) => it.seconds('window', { min: 1, max: 600 }),
      "invalid --window '0': expected whole seconds (60), or 10s, 5m, 1h, 7d, from 1s to 10m",
    ],
    [
      ['--window', '601'],
      (it) => it.seconds('window', { min: 1, max: 600 }),
      "invalid --window '601': expected whole seconds (60), or 10s, 5m, 1h, 7d, from 1s to 10m",
    ],
    [
      ['--window', '1.5s'],
      (it) => it.seconds('window'),
      "invalid --window '1.5s': expected whole seconds (60), or 10s, 5m, 1h, 7d",
    ],
    [
      ['--buffer', '64MB'],
      (it) => it.bytes('buffer', { min: 1024 }),
      "invalid --buffer '64MB': expected whole bytes (4096), or 512KiB, 64MiB, 1GiB, at least 1KiB",
    ],
    [
      ['--count', '1e3'],
      (it) => it.integer('count', { max: 9 }),
      "invalid --count '1e3': expected a whole number, at most 9",
    ],
    [
      ['--count=-1'],
      (it) => it.integer('count', { min: 0 }),
      "invalid --count '-1': expected a whole number, at least 0",
    ],
    [['--count='], (it) => it.integer('count'), "invalid --count '': expected a whole number"],
    [[], (it) => it.integer('count'), 'missing option --count N'],
    [[], (it) => it.required('output'), 'missing option --output PATH'],
    [
      ['--format', 'ndjsn'],
      (it) => it.choice('format', ['text', 'ndjson']),
      "invalid --format 'ndjsn': expected one of text, ndjson; did you mean ndjson?",
    ],
    [
      ['--format', 'TEXT'],
      (it) => it.choice('format', ['text', 'ndjson']),
      "invalid --format 'TEXT': expected one of text, ndjson; did you mean text?",
    ],
    [
      ['--format', 'parquet'],
      (it) => it.choice('format', ['text', 'ndjson']),
      "invalid --format 'parquet': expected one of text, ndjson",
    ],
  ])('for a value that its command asks for: %j', (words, ask, sentence) => {
    expect(refusal(['a', ...words], ask)).toBe(`demo: ${sentence} (see flowlogd demo --help)`);
  });

  test('at neither end of the limits, which are included', () => {
    const limits = { min: 1, max: 600 };
    expect(parse(['a', '--window', '1']).seconds('window', limits)).toBe(1);
    expect(parse(['a', '--window', '10m']).seconds('window', limits)).toBe(600);
    expect(parse(['a', '--count=-5']).integer('count')).toBe(-5);
  });

  test('not where help is asked for, whatever else is wrong with arguments and combinations', () => {
    expect(parse(['--help']).flag('help')).toBe(true);
    expect(parse(['-h', 'a', 'b', 'c', '--json', '--quiet']).flag('help')).toBe(true);
    expect(refusal(['-h', '--zzz'])).toContain('unknown option --zzz');
  });
});

describe('the table of a command', () => {
  test('has the options of all commands behind its own', () => {
    expect(allOptions(demo)).toEqual([...OPTIONS, HELP_OPTION]);
  });

  test('is what a command may ask for: anything else is a bug, and not a usage error', () => {
    const it = parse(['a']);
    for (const ask of [it.has, it.string, it.required, it.strings, it.flag, it.integer, it.seconds, it.bytes]) {
      expect(() => ask('nope')).toThrow(new Error('the command demo has no option --nope in its table'));
    }
  });
});
