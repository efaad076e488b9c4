/** The catalogue, and the answer of one of its analyses, as they are printed. */
import type { Analysis } from '../../analyses/analysis.ts';
import { USE_CASES } from '../../analyses/analysis.ts';
import { useCases } from '../../analyses/catalogue.ts';
import { isTime } from '../../analyses/question.ts';
import { type Completeness, completenessText } from '../analysis/completeness.ts';
import type { AnalysisAnswer } from '../analysis/run-analysis.ts';
import type { Invocation } from '../cli/command.ts';
import { ownCommand, quoted } from '../cli/own-command.ts';
import { alignRows } from '../cli/rows.ts';
import { type Cell, ROWS_MAX } from '../model/search.ts';
import { isoText } from '../model/utc-text.ts';
import { visible } from '../terminal/visible-text.ts';
import { formatFound, type SearchFormat, searchFormat } from './search-text.ts';

/** Changes when a member of the JSON changes its meaning or goes. */
const SCHEMA = 'flowlogd.analysis.v1';

interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

export function formatCatalogue(catalogue: readonly Analysis[], invocation: Invocation): string {
  const format = invocation.has('format') ? searchFormat(invocation) : 'table';
  if (format === 'table')
    return useCases()
      .map((useCase) => section(catalogue, useCase))
      .join('\n');
  const columns = ['name', 'useCase', 'question', 'mitre'].map((name) => ({ name, type: 'VARCHAR' }));
  const rows = catalogue.map(({ name, useCase, question, mitre }) => [name, useCase, question, mitre ?? null]);
  return formatFound({ columns, rows }, format, undefined);
}

function section(catalogue: readonly Analysis[], useCase: keyof typeof USE_CASES): string {
  const rows = catalogue
    .filter((analysis) => analysis.useCase === useCase)
    .map(({ name, question }) => [`  ${name}`, question]);
  return `${[USE_CASES[useCase], ...alignRows(['', ''], rows).slice(1)].join('\n')}\n`;
}

/** Rows go to standard output; in a table everything about them, too, else to standard error. */
export function formatAnswer(answer: AnalysisAnswer, period: Period, invocation: Invocation): void {
  const format = searchFormat(invocation);
  const { stdout, stderr } = invocation;
  if (format === 'json') {
    stdout.write(`${JSON.stringify(jsonOf(answer, period), undefined, 2)}\n`);
    return;
  }
  const width = (stdout.isTTY && stdout.columns) || undefined;
  if (format === 'table') stdout.write(`${heading(answer, period)}\n\n`);
  if (answer.rows.length > 0 || format !== 'table') stdout.write(formatFound(foundOf(answer, format), format, width));
  const about = format === 'table' ? stdout : stderr;
  about.write(
    `${format === 'table' && answer.rows.length > 0 ? '\n' : ''}${remarks(answer, searchOptions(invocation, period)).join('\n')}\n`,
  );
}

function heading({ analysis }: AnalysisAnswer, { fromMs, toMs }: Period): string {
  return `${analysis.title}: ${analysis.question}\n${timeText(fromMs / 1000)} to ${timeText(toMs / 1000)}`;
}

function remarks(
  { analysis, rows, truncated, truncatedBy, notes, completeness, parameters }: AnalysisAnswer,
  asked: string,
): string[] {
  const [first] = rows;
  const named = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  return [
    rows.length === 0 ? `Nothing found${named.length === 0 ? '' : ` (${named.join(', ')})`}.` : '',
    ...notes.map(visible),
    truncated ? onlyTheFirst(rows.length, truncatedBy) : '',
    `${completenessText(completeness)}.`,
    analysis.limits ?? '',
    first?.records === undefined
      ? ''
      : `Records behind the first row: ${ownCommand()} query ${asked} ${quoted(visible(first.records))}`,
    analysis.mitre === undefined || rows.length === 0 ? '' : `MITRE ATT&CK ${analysis.mitre}.`,
  ].filter((line) => line !== '');
}

function onlyTheFirst(rows: number, limit: AnalysisAnswer['truncatedBy']): string {
  const first = `Only the first ${rows} rows`;
  if (limit === 'bytes') return `${first}: limit of bytes reached; narrow the time.`;
  return rows < ROWS_MAX ? `${first}; raise --limit for more.` : `${first}; narrow the time.`;
}

/** What makes `flowlogd query` search the same store, topic and time. */
function searchOptions(invocation: Invocation, { fromMs, toMs }: Period): string {
  const named = ['store', 'url', 'topic'].flatMap((name) => {
    const value = invocation.string(name);
    return value === undefined ? [] : [`--${name}`, quoted(visible(value))];
  });
  const until = invocation.has('until') ? ['--until', String(Math.ceil(toMs / 1000))] : [];
  return ['--since', String(Math.floor(fromMs / 1000)), ...until, ...named].join(' ');
}

/** With the severity in front where the analysis has one, and the records' query behind for programs. */
function foundOf({ analysis, columns, rows }: AnalysisAnswer, format: SearchFormat) {
  const hasSeverity = analysis.severity.length > 0;
  const text = (name: string) => ({ name, type: 'VARCHAR' });
  const isForPrograms = format === 'ndjson' || format === 'csv';
  const areTimes = columns.map(({ name }) => format === 'table' && isTime(analysis, name));
  return {
    columns: [
      ...(hasSeverity ? [text('severity')] : []),
      ...columns.map((column, index) => (areTimes[index] ? text(column.name) : column)),
      ...(isForPrograms ? [text('records')] : []),
    ],
    rows: rows.map(({ severity, cells, records }): readonly Cell[] => [
      ...(hasSeverity ? [severity ?? null] : []),
      ...cells.map((cell, index) => (areTimes[index] && cell !== null ? timeText(Number(cell)) : cell)),
      ...(isForPrograms ? [records ?? null] : []),
    ]),
  };
}

function jsonOf(answer: AnalysisAnswer, { fromMs, toMs }: Period) {
  const { analysis, parameters, query, columns, rows, truncated, truncatedBy, notes, completeness } = answer;
  return {
    schema: SCHEMA,
    analysis: analysis.name,
    useCase: analysis.useCase,
    mitre: analysis.mitre ?? null,
    parameters,
    from: timeText(fromMs / 1000),
    to: timeText(toMs / 1000),
    query,
    completeness: completeness satisfies Completeness,
    truncated,
    truncatedBy,
    notes,
    rows: rows.map(({ severity, cells, records }) => ({
      severity: severity ?? null,
      values: Object.fromEntries(columns.map(({ name }, index) => [name, cells[index] ?? null])),
      records: records ?? null,
    })),
  };
}

/** As a number where no calendar has it: records say what their sender wrote. */
function timeText(seconds: number): string {
  const text = isoText(seconds);
  return text === undefined ? String(seconds) : `${text}Z`;
}
