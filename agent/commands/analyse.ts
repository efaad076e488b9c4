import type { Analysis } from '../../analyses/analysis.ts';
import type { Command, Invocation } from '../cli/command.ts';
import { EXIT, OperationalError } from '../model/operational-error.ts';
import { nearestWord } from '../options/nearest.ts';
import { namedLogService, STORE_OPTIONS } from './running-store.ts';
import { FORMAT_OPTION } from './search-text.ts';
import { SINCE_NAMES, UNTIL_NAMES } from './search-time.ts';

export const analyse: Command = {
  name: 'analyse',
  summary: 'Answer a question of the catalogue from the records in the embedded log service.',
  usage: '[NAME] [options]',
  description:
    'Without a name, lists the analyses by use case. With one, prints its rows, how complete the records are that they were made of, and ' +
    'the query that finds the records behind a row.\n\nThresholds are parameters: --set ports=50. docs/analyses.md describes all of them.',
  positionals: { name: 'NAME', min: 0, max: 1 },
  options: [
    {
      ...SINCE_NAMES,
      description:
        'Earliest time: an age (15m), ISO 8601, or Unix seconds. Also --last and --from. Default: 1h, for some more.',
    },
    { ...UNTIL_NAMES, default: 'now', description: 'Latest time. Also --to.' },
    {
      name: 'set',
      value: 'NAME=NUMBER',
      multiple: true,
      description: 'Value of a parameter of the analysis; may be given more than once.',
    },
    { name: 'limit', short: 'n', value: 'ROWS', default: '20', description: 'Maximum number of rows, 1 to 10000.' },
    {
      name: 'dialect',
      value: 'NAME',
      excludes: ['limit', 'format'],
      description:
        'Print the query, with its parameters and time, for another database instead of answering: cls, clickhouse, trino (also Athena) or duckdb.',
    },
    {
      name: 'table',
      value: 'TABLE',
      requires: 'dialect',
      default: 'flow_logs',
      description:
        'What such a query reads: a table or a table function, with the fields as columns, underscores for dashes.',
    },
    ...STORE_OPTIONS,
    FORMAT_OPTION,
  ],
  examples: [
    { line: 'flowlogd analyse', says: 'List all analyses.' },
    { line: 'flowlogd analyse top-talkers --since 15m', says: 'Show which hosts exchanged the most.' },
    { line: 'flowlogd analyse scan-ports --set ports=50', says: 'Show port scans of at least 50 ports.' },
    {
      line: 'flowlogd analyse completeness -o json',
      says: 'Print how much of the traffic is in the records, as JSON.',
    },
    { line: 'flowlogd analyse scan-ports --dialect clickhouse', says: 'Print the query for ClickHouse.' },
  ],
  async run(invocation) {
    const [name] = invocation.positionals;
    const catalogue = (await import('../../analyses/catalogue.ts')).readCatalogue();
    if (name === undefined) {
      refuseWithoutName(invocation);
      const { formatCatalogue } = await import('./analyse-text.ts');
      invocation.stdout.write(formatCatalogue(catalogue, invocation));
      return EXIT.ok;
    }
    const analysis = analysisNamed(catalogue, name);
    return invocation.has('dialect') ? await printQuery(invocation, analysis) : await runOne(invocation, analysis);
  },
};

/** Options without an effect on the list of analyses. */
const OF_ONE = ['since', 'until', 'set', 'limit', 'dialect', 'table', 'store', 'url', 'topic'];

function refuseWithoutName(invocation: Invocation): void {
  const option = OF_ONE.find((name) => invocation.has(name));
  if (option === undefined) return;
  throw new OperationalError(
    'usage.invalid',
    `analyse: --${option} requires the NAME of an analysis; flowlogd analyse without options lists them`,
  );
}

/** Asks no service. */
async function printQuery(invocation: Invocation, analysis: Analysis): Promise<number> {
  const [{ DIALECT_NAMES }, { clsQuery, renderQuery }] = await Promise.all([
    import('../analysis/dialects.ts'),
    import('../analysis/render-query.ts'),
  ]);
  const dialect = invocation.choice('dialect', DIALECT_NAMES);
  const { fromMs, toMs } = await periodOf(invocation, analysis);
  const asked = {
    values: parameterValues(analysis, invocation.strings('set')),
    fromSeconds: Math.floor(fromMs / 1000),
    untilSeconds: Math.floor(toMs / 1000),
  };
  if (dialect === 'cls' && invocation.has('table'))
    throw new OperationalError(
      'usage.invalid',
      'analyse: --table cannot be combined with --dialect cls, whose queries name no table',
    );
  const table = invocation.required('table');
  const query = dialect === 'cls' ? clsQuery(analysis, asked) : renderQuery(analysis, asked, dialect, table);
  invocation.stdout.write(`${query}\n`);
  return EXIT.ok;
}

async function periodOf(invocation: Invocation, analysis: Analysis): Promise<{ fromMs: number; toMs: number }> {
  const { parseTime, timeOption } = await import('./search-time.ts');
  const nowMs = Date.now();
  const toMs = timeOption('analyse', invocation, 'until', nowMs);
  const fromMs = invocation.has('since')
    ? timeOption('analyse', invocation, 'since', nowMs)
    : parseTime(analysis.since, toMs)!;
  return { fromMs, toMs };
}

async function runOne(invocation: Invocation, analysis: Analysis): Promise<number> {
  const [{ runAnalysis }, { LogServiceClient }, { formatAnswer }] = await Promise.all([
    import('../analysis/run-analysis.ts'),
    import('./logservice-client.ts'),
    import('./analyse-text.ts'),
  ]);
  const values = parameterValues(analysis, invocation.strings('set'));
  const { fromMs, toMs } = await periodOf(invocation, analysis);
  const client = new LogServiceClient(await namedLogService('analyse', invocation), Date.now);
  const answer = await runAnalysis((query, limit) => client.search({ query, fromMs, toMs, limit }), analysis, {
    values,
    untilSeconds: Math.floor(toMs / 1000),
    limit: invocation.integer('limit', { min: 1, max: 10_000 }),
  });
  formatAnswer(answer, { fromMs, toMs }, invocation);
  return EXIT.ok;
}

function analysisNamed(catalogue: readonly Analysis[], name: string): Analysis {
  const found = catalogue.find((analysis) => analysis.name === name);
  if (found !== undefined) return found;
  const near = nearestWord(
    name,
    catalogue.map((analysis) => analysis.name),
  );
  const hint = near === undefined ? 'flowlogd analyse lists them' : `did you mean ${near}?`;
  throw new OperationalError('usage.invalid', `analyse: unknown analysis '${name}': ${hint}`);
}

function parameterValues({ name, parameters }: Analysis, given: readonly string[]): Readonly<Record<string, number>> {
  const values = given.map((text) => {
    const [, parameter = '', number = ''] = /^([^=]*)=(.*)$/.exec(text) ?? [];
    if (!Object.hasOwn(parameters, parameter)) throw unknownParameter(name, text, Object.keys(parameters));
    const value = Number(number);
    if (/^-?\d+(\.\d+)?$/.test(number) && Math.abs(value) <= Number.MAX_SAFE_INTEGER)
      return [parameter, value] as const;
    throw new OperationalError(
      'usage.invalid',
      `analyse: invalid --set '${text}': expected a number such as 10 or 0.5`,
    );
  });
  return Object.fromEntries(values);
}

function unknownParameter(name: string, text: string, known: readonly string[]): OperationalError {
  const expected =
    known.length === 0 ? `${name} has no parameters` : `expected one of ${known.join(', ')}, as in ${known[0]}=10`;
  return new OperationalError('usage.invalid', `analyse: invalid --set '${text}': ${expected}`);
}
