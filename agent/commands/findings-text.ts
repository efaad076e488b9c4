/** Findings, one of them, what happens to them, and suppressions, as they are printed. */
import type { Analysis } from '../../analyses/analysis.ts';
import { recordsBehind } from '../../analyses/question.ts';
import type { NumberedEvent } from '../../detect/event-log.ts';
import type { Finding, Suppression } from '../../detect/finding.ts';
import { type Completeness, completenessText } from '../analysis/completeness.ts';
import type { Invocation } from '../cli/command.ts';
import { ownCommand, quoted } from '../cli/own-command.ts';
import type { Cell } from '../model/search.ts';
import { isoText } from '../model/utc-text.ts';
import { visible } from '../terminal/visible-text.ts';
import { formatFound, type SearchFormat, searchFormat } from './search-text.ts';

/** As the service answers it. */
export interface FindingsList {
  readonly findings: readonly Finding[];
  readonly truncated: boolean;
  readonly windowEnd: number | null;
}

const text = (name: string) => ({ name, type: 'VARCHAR' });

export function formatFindings(list: FindingsList, invocation: Invocation): void {
  const { stdout, stderr } = invocation;
  const format = searchFormat(invocation);
  if (format === 'json') {
    writeJson(list, invocation);
    return;
  }
  const about = format === 'table' ? stdout : stderr;
  if (list.findings.length > 0 || format !== 'table')
    stdout.write(formatFound(tableOf(list.findings, format), format, widthOf(invocation)));
  about.write(`${remarksOf(list).join('\n')}\n`);
}

function remarksOf({ findings, truncated, windowEnd }: FindingsList): readonly string[] {
  const looked = windowEnd === null ? 'no window has ended yet' : `windows up to ${timeText(windowEnd)}`;
  return [
    ...(findings.length === 0 ? [`No findings (${looked}).`] : []),
    ...(truncated ? [`Only the first ${findings.length}; raise --limit for more.`] : []),
    ...(findings.length === 0
      ? []
      : [`${ownCommand()} findings show ${visible(findings[0]!.id)} shows the records behind the first.`]),
  ];
}

function tableOf(findings: readonly Finding[], format: SearchFormat) {
  const isForPrograms = format === 'ndjson' || format === 'csv';
  const names = [
    'id',
    'severity',
    'state',
    'rule',
    'subject',
    'figures',
    'first-seen',
    'last-seen',
    'windows',
    'acknowledged',
  ];
  return {
    columns: [...names.map(text), ...(isForPrograms ? [text('explained-by')] : [])],
    rows: findings.map((finding): readonly Cell[] => [
      finding.id,
      finding.worstSeverity,
      finding.state,
      finding.rule,
      pairsText(finding.subject),
      pairsText(finding.figures),
      timeText(finding.firstSeen),
      timeText(finding.lastSeen),
      String(finding.windows),
      finding.acknowledgement === undefined ? '' : finding.acknowledgement.comment || 'yes',
      ...(isForPrograms ? [finding.explainedBy.join(' ')] : []),
    ]),
  };
}

/** One line; of ndjson the event as it is. */
export function formatEvent(event: NumberedEvent, invocation: Invocation): string {
  const format = searchFormat(invocation);
  if (format === 'ndjson' || format === 'json') return `${JSON.stringify(event)}\n`;
  const { change, at, finding } = event;
  const { id, rule, worstSeverity, subject, figures } = finding;
  return `${visible(`${timeText(at)} ${change} ${id} ${worstSeverity} ${rule} ${pairsText(subject)} (${pairsText(figures)})`)}\n`;
}

export interface ShownFinding {
  readonly finding: Finding;
  readonly analysis: Analysis | undefined;
  readonly completeness: Completeness | undefined;
  /** Whether the records are in a log service that `query` can ask. */
  readonly hasStore: boolean;
}

export function formatFinding(shown: ShownFinding, invocation: Invocation): void {
  const { finding, completeness } = shown;
  const format = searchFormat(invocation);
  const records = recordsOf(shown, invocation);
  if (format === 'json' || format === 'ndjson') {
    const mitre = shown.analysis?.mitre ?? null;
    writeJson({ finding, mitre, completeness: completeness ?? null, records: records ?? null }, invocation, format);
    return;
  }
  const rows = [...identityRows(shown), ...historyRows(finding), ...evidenceRows(shown, records)];
  invocation.stdout.write(`${rows.map(([name, value]) => visible(`${name.padEnd(14)}${value}`)).join('\n')}\n`);
}

type Row = readonly [name: string, value: string];

function identityRows({ finding, analysis }: ShownFinding): readonly Row[] {
  const { id, rule, state, severity, worstSeverity, isCoarse } = finding;
  const now = severity === worstSeverity ? severity : `${worstSeverity}, now ${severity}`;
  return [
    ['Finding', `${id}, ${state}`],
    ['Rule', analysis === undefined ? rule : `${rule}: ${analysis.title}. ${analysis.question}`],
    ['Severity', now],
    ...(analysis?.mitre === undefined ? [] : [['MITRE ATT&CK', analysis.mitre] as const]),
    ...Object.entries(finding.subject).map(([name, value]): Row => [name, String(value)]),
    ...Object.entries(finding.figures).map(([name, value]): Row => [name, figureText(value, analysis?.columns[name])]),
    ...(isCoarse ? [['Figures', 'lower limits: more was seen than the rule keeps apart'] as const] : []),
  ];
}

function historyRows(finding: Finding): readonly Row[] {
  const { firstSeen, lastSeen, windows, times, closedAt, acknowledgement, explainedBy } = finding;
  return [
    ['Seen', `${timeText(firstSeen)} to ${timeText(lastSeen)}, in ${windows} windows`],
    ...(times > 1 ? [['Opened', `${times} times`] as const] : []),
    ...(closedAt === undefined ? [] : [['Closed', timeText(closedAt)] as const]),
    ...(explainedBy.length === 0 ? [] : [['Explained by', explainedBy.join(' ')] as const]),
    ...(acknowledgement === undefined
      ? []
      : [['Acknowledged', `${timeText(acknowledgement.at)} ${acknowledgement.comment}`.trimEnd()] as const]),
  ];
}

function evidenceRows({ completeness }: ShownFinding, records: string | undefined): readonly Row[] {
  return [
    [
      'Completeness',
      completeness === undefined
        ? 'as the ledgers say in the log service that has the records'
        : completenessText(completeness),
    ],
    ...(records === undefined ? [] : [['Records', records] as const]),
  ];
}

/** The command that finds the records behind it, or the condition where they are elsewhere. */
function recordsOf({ finding, analysis, hasStore }: ShownFinding, invocation: Invocation): string | undefined {
  const condition = analysis === undefined ? undefined : recordsBehind(analysis, finding.subject);
  if (condition === undefined || !hasStore) return condition;
  const named = ['store', 'url'].flatMap((name) => {
    const value = invocation.string(name);
    return value === undefined ? [] : [`--${name}`, quoted(value)];
  });
  const words = ['query', '--since', String(finding.firstSeen), '--until', String(finding.lastSeen), ...named];
  return `${ownCommand()} ${words.join(' ')} ${quoted(condition)}`;
}

function figureText(value: number, meaning: string | undefined): string {
  const number = value.toLocaleString('en-US');
  return meaning === undefined ? number : `${number}  (${meaning.replace(/\.$/, '')})`;
}

export function formatSuppressions(suppressions: readonly Suppression[], invocation: Invocation): void {
  const format = searchFormat(invocation);
  if (format === 'json') {
    writeJson({ suppressions }, invocation);
    return;
  }
  if (suppressions.length === 0 && format === 'table') {
    invocation.stdout.write('No suppressions.\n');
    return;
  }
  const columns = ['id', 'rule', 'peer', 'until', 'comment'].map(text);
  const rows = suppressions.map(({ id, rule, peer, until, comment }): readonly Cell[] => [
    id,
    rule ?? null,
    peer ?? null,
    until === undefined ? null : timeText(until),
    comment,
  ]);
  invocation.stdout.write(formatFound({ columns, rows }, format, widthOf(invocation)));
}

function writeJson(value: object, { stdout }: Invocation, format: SearchFormat = 'json'): void {
  stdout.write(`${JSON.stringify(value, undefined, format === 'json' ? 2 : undefined)}\n`);
}

function widthOf({ stdout }: Invocation): number | undefined {
  return (stdout.isTTY && stdout.columns) || undefined;
}

function pairsText(pairs: Readonly<Record<string, string | number>>): string {
  return Object.entries(pairs)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** As a number where no calendar has it. */
function timeText(seconds: number): string {
  const iso = isoText(seconds);
  return iso === undefined ? String(seconds) : `${iso}Z`;
}
