import { describe, expect, test } from 'vitest';
import { changedOptions } from '../../../agent/config/changes.ts';
import { type Loaded, loadConfiguration } from '../../../agent/config/load.ts';
import { renderReferencePage } from '../../../agent/config/reference.ts';
import { sinkKind } from '../../../agent/export/sink-kind.ts';
import { SINKS } from '../../../agent/export/sinks.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import { integer, TEXT } from '../../../agent/options/kinds.ts';
import { option, required, secretOrFile, section, textFile } from '../../../agent/options/option.ts';

/** A kind that only this test knows. */
const PIGEON = sinkKind({
  kind: 'pigeon',
  section: section('Carrier pigeons.', {
    loft: required(TEXT, { description: 'Where they fly to.', example: 'north' }),
    birds: option(integer(1, 9), '2', { description: 'How many at once.' }),
    mapFile: textFile({ confidential: false, description: 'A file with the way.', example: 'map' }),
    ...secretOrFile(
      'ring',
      { description: 'What the ring says.', example: 'xx' },
      { description: 'A file that holds it.', example: 'ring' },
    ),
  }),
  check(found) {
    if (found.value('birds') === 9) found.problemAt('birds', 'nine is a flock');
    if (found.value('birds') === 1) found.warn(`one bird alone flies to ${found.value('loft')}`);
  },
  read: (values, text) => ({ ...values, map: text('mapFile') }),
  create: () => Promise.reject(new Error('it flies in tests only')),
  describe: ({ loft }) => `loft ${loft}`,
  storage: ({ loft }) => ({ service: loft }),
  url: { example: 'pigeon://LOFT', help: '', read: () => undefined },
});

const CLS = '{ endpoint: "https://cls.example", topicId: t, secretId: i, secretKeyFile: key }';

function load(text: string, environment: Record<string, string> = {}, files: Record<string, string> = {}): Loaded {
  const whole = `${text}\nflowLogs: [{}]\n`;
  const readTextFile = (path: string) => ({
    text: path === 'flowlogd.yaml' ? whole : (files[path.replace(/.*\//, '')] ?? 'content'),
    mode: 0o600,
  });
  const sinkKinds = [...SINKS, PIGEON];
  return loadConfiguration({
    path: 'flowlogd.yaml',
    environment,
    readTextFile,
    sinkKinds,
    zstd: true,
    readNamedFiles: true,
  });
}

function problems(text: string, environment: Record<string, string> = {}): string {
  try {
    load(text, environment);
    return '';
  } catch (error) {
    if (error instanceof OperationalError) return error.message;
    throw error;
  }
}

describe('a sink', () => {
  test('of any kind in the table is read by its own rows: values, defaults, secrets and files', () => {
    const { configuration, settings, warnings } = load(
      'sinks: { home: { type: pigeon, loft: south, mapFile: map, birds: 1 } }',
      {},
      { map: 'N\n' },
    );
    const [plan] = configuration.sinks;
    expect(plan).toMatchObject({ name: 'home', kind: 'pigeon', storage: { service: 'south' } });
    expect(plan?.options).toMatchObject({ loft: 'south', birds: 1, map: 'N' });
    expect(plan?.describe({})).toBe('loft south');
    expect(settings.map(({ path }) => path)).toContain('sinks.home.birds');
    expect(warnings).toEqual(['one bird alone flies to south']);
  });

  test('has variables under its name, and may have nothing but those', () => {
    const variables = { FLOWLOGD_SINKS_HOME_LOFT: 'west', FLOWLOGD_SINKS_HOME_RING: 'secret' };
    const fromFile = load('sinks: { home: { type: pigeon, loft: south } }', variables);
    expect(fromFile.configuration.sinks[0]?.options).toMatchObject({ loft: 'west', ring: 'secret' });
    expect(fromFile.settings.find(({ path }) => path === 'sinks.home.ring')?.shown).toBe('(hidden)');
    const alone = load('', { ...variables, FLOWLOGD_SINKS_HOME_TYPE: 'pigeon' });
    expect(alone.configuration.sinks).toMatchObject([{ name: 'home', kind: 'pigeon', options: { loft: 'west' } }]);
    expect(alone.warnings).toEqual([]);
  });

  test('that no file and no variable names is said to be missing, and a misspelt variable what it meant', () => {
    expect(load('', { FLOWLOGD_SINKS_HOME_LOFT: 'west' }).warnings).toEqual([
      'unknown environment variable FLOWLOGD_SINKS_HOME_LOFT; declare sinks.home in the file, or set FLOWLOGD_SINKS_HOME_TYPE',
    ]);
    const text = 'sinks: { home: { type: pigeon, loft: south } }';
    expect(load(text, { FLOWLOGD_SINKS_HOME_LOFFT: 'west' }).warnings).toEqual([
      'unknown environment variable FLOWLOGD_SINKS_HOME_LOFFT; did you mean FLOWLOGD_SINKS_HOME_LOFT?',
    ]);
  });

  test.each([
    ['sinks: { home: { loft: a } }', /sinks.home.type: missing required option: expected one of cls, .*pigeon/],
    [
      'sinks: { home: { type: pigeons, loft: a } }',
      /sinks.home.type: invalid value 'pigeons': .*did you mean pigeon\?/,
    ],
    ['sinks: { home: { type: pigeon, lofft: a } }', /sinks.home.lofft: unknown option; did you mean loft\?/],
    ['sinks: { home: { type: pigeon } }', /sinks.home.loft: missing required option: expected a text/],
    ['sinks: { home: { type: pigeon, loft: a, birds: 9 } }', /sinks.home.birds: nine is a flock/],
    [
      'sinks: { home: { type: pigeon, loft: a, ring: a, ringFile: b } }',
      /sinks.home.ringFile: cannot be combined with sinks.home.ring; remove one/,
    ],
    ['sinks: { Home: { type: pigeon, loft: a } }', /sinks.Home: invalid name: expected 1 to 32/],
    ['sinks: {}', /sinks: empty; remove it/],
    ['sinks: { home: { type: pigeon, loft: a, drain: true } }', /sinks.home: every sink drains/],
    ['sinks: [home]', /sinks: expected a section for each name, not a list/],
    ['sinks: { home: 5 }', /sinks.home: expected a section/],
    [
      'sinks: { home: { type: cls, endpoint: embedded, topicId: t } }',
      /sinks.home.topicId: the embedded log service has its own/,
    ],
    [
      'sinks: { home: { type: cls, endpoint: "https://x.example", secretId: a, secretKey: b } }',
      /sinks.home.topicId: missing required option/,
    ],
  ])('is refused as %s', (text, expected) => {
    expect(problems(text)).toMatch(expected);
  });

  test('of any kind may drain beside another, and none of its kind reads that', () => {
    const text = 'sinks: { home: { type: pigeon, loft: a, drain: true }, away: { type: pigeon, loft: b } }';
    const { sinks } = load(text).configuration;
    expect(sinks.map(({ name, isDraining }) => [name, isDraining])).toEqual([
      ['home', true],
      ['away', false],
    ]);
    expect(sinks[0]?.options).not.toHaveProperty('drain');
    expect(load(text, { FLOWLOGD_SINKS_HOME_DRAIN: 'false' }).configuration.sinks[0]?.isDraining).toBe(false);
  });

  test('is the embedded log service where its endpoint says so', () => {
    const [plan] = load('sinks: { local: { type: cls, endpoint: embedded } }').configuration.sinks;
    expect(plan?.storage).toEqual({ service: 'embedded' });
    expect(plan?.describe({})).toBe('the embedded log service');
  });

  test('that changed is named by its options, and by its contents where only a file did', () => {
    const text = 'sinks: { home: { type: pigeon, loft: south, ringFile: ring } }';
    const before = load(text, {}, { ring: 'a' });
    const after = load(text, {}, { ring: 'b' });
    expect(changedOptions(before, after)).toEqual([]);
    expect(after.configuration.sinks[0]?.contents).not.toBe(before.configuration.sinks[0]?.contents);
    expect(changedOptions(before, load(text.replace('south', 'north'), {}, { ring: 'a' }))).toEqual([
      'sinks.home.loft',
    ]);
  });

  test('has its rows in the page of the configuration', () => {
    const page = renderReferencePage([PIGEON]);
    expect(page).toContain('## `sinks.NAME` of type `pigeon`');
    expect(page).toContain(
      '| `birds` | a whole number from 1 to 9 | `2` | `FLOWLOGD_SINKS_NAME_BIRDS` | How many at once. |',
    );
  });
});

describe('the former section cls', () => {
  const options = ({ configuration }: Loaded) =>
    configuration.sinks.map(({ name, kind, options: own, storage }) => ({ name, kind, own, storage }));

  test('is the sink cls of type cls', () => {
    const former = load(`cls: ${CLS}`);
    expect(options(former)).toEqual(options(load(`sinks: { cls: ${CLS.replace('{', '{ type: cls,')} }`)));
    expect(options(former)).toHaveLength(1);
    expect(former.warnings).toEqual([]);
  });

  test('and its variables are what those of the sink cls are', () => {
    const set = {
      ENDPOINT: 'https://cls.example',
      TOPIC_ID: 't',
      SECRET_ID: 'i',
      SECRET_KEY: 'k',
      LEDGER_LOG: 'false',
    };
    const under = (prefix: string) =>
      Object.fromEntries(Object.entries(set).map(([name, value]) => [prefix + name, value]));
    const former = load('', under('FLOWLOGD_CLS_'));
    expect(options(former)).toEqual(
      options(load('', { ...under('FLOWLOGD_SINKS_CLS_'), FLOWLOGD_SINKS_CLS_TYPE: 'cls' })),
    );
    expect(former.warnings).toEqual([]);
  });

  test('cannot be combined with sinks', () => {
    expect(problems(`cls: ${CLS}\nsinks: { home: { type: pigeon, loft: a } }`)).toMatch(
      /:1:\d+: cls: it is the former way to name a sink and cannot be combined with sinks: move it to sinks.cls with type: cls/,
    );
  });
});
