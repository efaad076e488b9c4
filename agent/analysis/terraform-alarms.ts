/**
 * monitoring/cls/alarms.tf: the analyses that find something, as alarm policies of Cloud Log Service. An alarm asks its query at times and tells
 * when that has rows, so the query of one has only rows that are worth it.
 */
import type { Analysis, Severity } from '../../analyses/analysis.ts';
import { defaultsOf, isTime, namesItsEnd, questionOf, questionWith, recordsTemplate } from '../../analyses/question.ts';
import { outputColumns } from './output-columns.ts';

/** An alarm looks back no further (CreateAlarm, `StartTimeOffset`: -1440 to 0 minutes). */
export const LOOK_BACK_MINUTES_MAX = 1440;
/** Levels of CreateAlarm by our severities. */
export const LEVELS: Readonly<Record<Severity, number>> = { low: 1, medium: 0, high: 2, critical: 2 };
/** Of a rule over one window: as long as the longest that most flow logs have. */
const WINDOW_SECONDS = 300;

/** Why an analysis with severities is no alarm; undefined where it is one. */
export function whyNoAlarm(analysis: Analysis): string | undefined {
  if (namesItsEnd(analysis)) return 'its query names the end of the time, which an alarm cannot';
  if (spanMinutes(analysis) <= LOOK_BACK_MINUTES_MAX) return undefined;
  return `it looks back ${analysis.since}, an alarm no more than 24 h`;
}

export function alarmsOf(catalogue: readonly Analysis[]): readonly Analysis[] {
  return catalogue.filter((analysis) => analysis.severity.length > 0 && whyNoAlarm(analysis) === undefined);
}

/** As the alarm asks it at the thresholds of the catalogue. */
export function alarmQuery(analysis: Analysis): string {
  return onlyAlarming(analysis, questionOf(analysis, {}, 0));
}

/** Minutes between two looks, and how far each looks back: one that is missed, or records that come late, are in the next. */
export function alarmTimes(analysis: Analysis): { readonly period: number; readonly lookBack: number } {
  const span = spanMinutes(analysis);
  const period = span <= 5 ? 5 : span <= 60 ? 15 : 60;
  return { period, lookBack: Math.min(LOOK_BACK_MINUTES_MAX, span + 2 * period) };
}

export function renderTerraformAlarms(catalogue: readonly Analysis[]): string {
  const alarms = alarmsOf(catalogue);
  return `${[head(catalogue), 'locals {', ...defaults(alarms), '', '  alarms = {', ...alarms.flatMap(alarmLines), '  }', '}'].join('\n')}\n`;
}

function head(catalogue: readonly Analysis[]): string {
  const others = catalogue.flatMap((analysis) => {
    const reason = analysis.severity.length === 0 ? undefined : whyNoAlarm(analysis);
    return reason === undefined ? [] : [`#   ${analysis.name}: ${reason}.`];
  });
  return [
    '# Rendered from analyses/ by `npm run docs`. How to use it: docs/cls-alarms.md.',
    '#',
    '# Analyses with a severity that are no alarm:',
    ...others,
    '',
  ].join('\n');
}

function defaults(alarms: readonly Analysis[]): readonly string[] {
  const values = (analysis: Analysis) =>
    Object.entries(defaultsOf(analysis)).map(([name, value]) => `${name} = ${value}`);
  const width = Math.max(...alarms.map(({ name }) => name.length));
  return [
    '  defaults = {',
    ...alarms.map((alarm) => `    ${JSON.stringify(alarm.name).padEnd(width + 2)} = { ${values(alarm).join(', ')} }`),
    '  }',
  ];
}

function alarmLines(analysis: Analysis): readonly string[] {
  const { period, lookBack } = alarmTimes(analysis);
  const interpolated = (name: string) => `\${local.parameters[${JSON.stringify(analysis.name)}].${name}}`;
  return [
    `    ${JSON.stringify(analysis.name)} = {`,
    `      noisy     = ${isNoisy(analysis)}`,
    `      level     = ${LEVELS[analysis.severity[0]!.severity]}`,
    `      period    = ${period}`,
    `      look_back = ${lookBack}`,
    ...heredoc('message', alarmMessage(analysis)),
    ...heredoc('query', onlyAlarming(analysis, questionWith(analysis, interpolated))),
    '    }',
  ];
}

function heredoc(name: string, text: string): readonly string[] {
  return [`      ${name.padEnd(9)} = <<-EOT`, ...text.split('\n').map((line) => `        ${line}`), '      EOT'];
}

/** Those that do not run by themselves as findings either, and what is of low severity without being one. */
export function isNoisy({ finding, severity }: Analysis): boolean {
  return finding === undefined ? severity[0]!.severity === 'low' : finding.byDefault === false;
}

/** Only rows that have a severity. */
function onlyAlarming({ severity }: Analysis, question: string): string {
  if (severity.some(({ column }) => column === undefined)) return question;
  const worth = severity.map(({ column, from }) => `${column} >= ${from}`).join(' or ');
  const bar = question.indexOf('|');
  const inner = question
    .slice(bar + 1)
    .trim()
    .replaceAll('\n', '\n  ');
  return `${question.slice(0, bar).trim()} | select * from (\n  ${inner}\n)\nwhere ${worth}`;
}

/** In the template language of alarm notices: each row with the condition that finds its records, and links. */
export function alarmMessage(analysis: Analysis): string {
  const columns = outputColumns(questionOf(analysis, {}, 0).split('|').slice(1).join('|'));
  const shown = columns.filter(({ name }) => !isTime(analysis, name)).map(({ name }) => `${name} ${cellOf(name)}`);
  const records = recordsTemplate(analysis, cellOf);
  return [
    `${analysis.title}. ${analysis.question}`,
    `{{range .QueryResult[0]}}* ${shown.join(', ')}`,
    ...(records === undefined ? [] : [`  Records: ${records}`]),
    '{{end}}All rows: {{.QueryUrl}}',
    'This alarm: {{.DetailUrl}}',
  ].join('\n');
}

function cellOf(column: string): string {
  return /^\w+$/.test(column) ? `{{.${column}}}` : `{{index . "${column}"}}`;
}

function spanMinutes(analysis: Analysis): number {
  const { finding, since } = analysis;
  if (finding === undefined) return secondsOf(since) / 60;
  const { span } = finding;
  if (span === 'window') return WINDOW_SECONDS / 60;
  return (typeof span === 'number' ? span : defaultsOf(analysis)[span]!) / 60;
}

const UNITS = { m: 60, h: 3600, d: 86_400 } as const;

/** Of an age such as `24h`, as the catalogue has it. */
function secondsOf(age: string): number {
  const [, number = '', unit = ''] = /^(\d+)([mhd])$/.exec(age) ?? [];
  return Number(number) * UNITS[unit as keyof typeof UNITS];
}
