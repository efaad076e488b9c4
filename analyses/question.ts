/** From an analysis to the queries that are asked. */
import { type Analysis, SEVERITIES, type Severity } from './analysis.ts';

/** Values of its parameters by name. */
export type ParameterValues = Readonly<Record<string, number>>;
type Cell = unknown;

export function defaultsOf({ parameters }: Analysis): ParameterValues {
  return Object.fromEntries(Object.entries(parameters).map(([name, parameter]) => [name, parameter.default]));
}

/** `condition | SQL`. @param untilSeconds end of the time that is looked at, Unix seconds */
export function questionOf(analysis: Analysis, values: ParameterValues, untilSeconds: number): string {
  const all: ParameterValues = { ...defaultsOf(analysis), ...values, until: untilSeconds };
  return questionWith(analysis, (name) => plainNumber(known(analysis, all, name)));
}

/** The same with its parameters, and `until`, as `written` has them. */
export function questionWith({ condition, query }: Analysis, written: (name: string) => string): string {
  return `${condition} | ${query.replace(PLACEHOLDER, (_, name: string) => written(name)).trim()}`;
}

/** Whether the end of the time that is looked at stands in the query itself. */
export function namesItsEnd({ query }: Analysis): boolean {
  return /\$\{until\}/.test(query);
}

/** Whether a column has times, by its meaning in the catalogue. */
export function isTime({ columns }: Analysis, name: string): boolean {
  return columns[name]?.endsWith('Unix seconds.') ?? false;
}

/** The condition that finds the records behind a row; undefined where it has none. @param row cells by column */
export function recordsBehind({ records }: Analysis, row: Readonly<Record<string, Cell>>): string | undefined {
  let isWhole = records !== undefined;
  const condition = (records ?? '').replace(PLACEHOLDER, (_, column: string) => {
    const cell = row[column];
    if (cell === null || cell === undefined || cell === '') isWhole = false;
    return value(String(cell));
  });
  return isWhole ? condition : undefined;
}

/** The same with each column as `written` has it: the template of such a condition in another language. */
export function recordsTemplate({ records }: Analysis, written: (column: string) => string): string | undefined {
  return records?.replace(PLACEHOLDER, (_, column: string) => written(column));
}

/** Undefined for what is no finding. */
export function severityOf({ severity }: Analysis, row: Readonly<Record<string, Cell>>): Severity | undefined {
  const applies = severity.filter(
    ({ column, from }) => column === undefined || Number(row[column] ?? 0) >= (from ?? Number.NEGATIVE_INFINITY),
  );
  return applies.at(-1)?.severity;
}

/** The most severe of them first. */
export function bySeverity(left: Severity | undefined, right: Severity | undefined): number {
  const rank = (severity: Severity | undefined) => (severity === undefined ? -1 : SEVERITIES.indexOf(severity));
  return rank(right) - rank(left);
}

const PLACEHOLDER = /\$\{([A-Za-z][\w-]*)\}/g;

function known({ name }: Analysis, values: ParameterValues, parameter: string): number {
  const number = values[parameter];
  if (number === undefined) throw new Error(`${name} names \${${parameter}}, which is no parameter`);
  return number;
}

/** Never `1e21`, which some SQL reads in another way. */
function plainNumber(number: number): string {
  return Number.isInteger(number) ? BigInt(number).toString() : String(number);
}

/** As a value in a condition, quoted where it must be. */
function value(text: string): string {
  return /^[\w.:/-]+$/.test(text) ? text : `"${text.replace(/["\\*]/g, '\\$&')}"`;
}
