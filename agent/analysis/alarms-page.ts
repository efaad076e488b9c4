/** What is rendered of docs/cls-alarms.md: the index that the analyses need, and the alarms. */
import type { Analysis } from '../../analyses/analysis.ts';
import { indexType } from '../../schema/field.ts';
import { FIELDS } from '../../schema/fields.ts';
import { COMPLETENESS_QUERY } from './completeness.ts';
import { alarmsOf, alarmTimes, isNoisy, LEVELS, whyNoAlarm } from './terraform-alarms.ts';

const LEVEL_NAMES = ['warning', 'info', 'critical'] as const;

export function withAlarmsTables(page: string, catalogue: readonly Analysis[]): string {
  return between(between(page, 'index', indexBlock(catalogue)), 'alarms', alarmsTable(catalogue));
}

function between(page: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
  const from = page.indexOf(begin) + begin.length;
  return `${page.slice(0, from)}${content}\n${page.slice(page.indexOf(end, from))}`;
}

/** Keys that some query or condition names, by their type in an index. */
export function indexedKeys(catalogue: readonly Analysis[]): ReadonlyMap<string, string> {
  const texts = catalogue.map(({ condition, query, records = '' }) => `${condition} ${query} ${records}`);
  const words = new Set([COMPLETENESS_QUERY, ...texts].join(' ').match(/[A-Za-z][\w-]*/g));
  const ledgerKeys = [...words].filter((word) => word.startsWith('ledger-')).sort();
  return new Map([
    ...FIELDS.filter(({ name }) => words.has(name)).map((field) => [field.name, indexType(field)] as const),
    ...ledgerKeys.map((key) => [key, ledgerType(key)] as const),
  ]);
}

/** As docs/cls.md has it. */
function ledgerType(key: string): string {
  if (/-(?:packets|bytes|keys)$/.test(key)) return 'long';
  return key === 'ledger-gap-seconds' ? 'double' : 'text';
}

function indexBlock(catalogue: readonly Analysis[]): string {
  const rules = [...indexedKeys(catalogue)].map(([Key, Type]) => {
    const value = { Type, Tokenizer: '', SqlFlag: true, ContainZH: false };
    return `    ${JSON.stringify({ Key, Value: value })}`;
  });
  return ['```json', '{', '  "CaseSensitive": false,', '  "KeyValues": [', rules.join(',\n'), '  ]', '}', '```'].join(
    '\n',
  );
}

function alarmsTable(catalogue: readonly Analysis[]): string {
  const rows = alarmsOf(catalogue).map((analysis) => {
    const { period, lookBack } = alarmTimes(analysis);
    const level = LEVEL_NAMES[LEVELS[analysis.severity[0]!.severity]]!;
    return `| \`${analysis.name}\` | ${level} | ${period} min | ${lookBack} min | ${isNoisy(analysis) ? 'noisy: only where it is named' : ''} |`;
  });
  const others = catalogue.flatMap((analysis) => {
    const reason = analysis.severity.length === 0 ? undefined : whyNoAlarm(analysis);
    return reason === undefined ? [] : [`* \`${analysis.name}\`: ${reason}.`];
  });
  const table = ['| alarm | level | looks every | looks back | |', '| --- | --- | --- | --- | --- |', ...rows];
  return [...table, '', 'No alarms, though they have a severity:', '', ...others].join('\n');
}
