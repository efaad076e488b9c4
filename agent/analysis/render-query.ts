/** A query of the catalogue, which is written for Cloud Log Service, in the words of another database. Pure. */
import type { Analysis } from '../../analyses/analysis.ts';
import { type ParameterValues, questionOf } from '../../analyses/question.ts';
import { OperationalError } from '../model/operational-error.ts';
import { conditionSql } from './condition-sql.ts';
import { DIALECTS, type Dialect, type DialectName } from './dialects.ts';
import { argumentsOf, closingOf, isWord, type Token, tokensOf } from './sql-tokens.ts';

export interface Asked {
  readonly values: ParameterValues;
  /** Unix seconds: windows that end after the first and not after the second. */
  readonly fromSeconds: number;
  readonly untilSeconds: number;
}

/** The records of the time and the condition, in every dialect. */
const LOGS = 'log';
const LEDGER = /\bledger-/;

/** As it is sent to Cloud Log Service, where the time is no part of the query. */
export function clsQuery(analysis: Analysis, { values, untilSeconds }: Asked): string {
  return questionOf(analysis, values, untilSeconds);
}

/** @param table that has the records, as the database names it. @throws OperationalError where the layout has no such records */
export function renderQuery(analysis: Analysis, asked: Asked, name: DialectName, table: string): string {
  const question = clsQuery(analysis, asked);
  if (LEDGER.test(question)) throw ledgersAreElsewhere(analysis.name);
  const bar = question.indexOf('|');
  const dialect: Dialect = DIALECTS[name];
  const condition = conditionSql(question.slice(0, bar), columnName);
  const time = `"end" > ${asked.fromSeconds} and "end" <= ${asked.untilSeconds}`;
  return [
    `with ${LOGS} as (`,
    `  select * from ${table}`,
    `  where ${time} and ${condition}`,
    ')',
    written(withTable(tokensOf(question.slice(bar + 1).trim())), dialect),
    ...(dialect.settings === undefined ? [] : [dialect.settings]),
  ].join('\n');
}

function ledgersAreElsewhere(name: string): OperationalError {
  return new OperationalError(
    'usage.invalid',
    `analyse: ${name} reads ledgers, which only log services have: use --dialect cls`,
  );
}

/** Of a field there. What is a word of SQL keeps its quotes. */
function columnName(field: string): string {
  return field.includes('-') ? field.replaceAll('-', '_') : `"${field}"`;
}

/** Words that may follow FROM. */
const AFTER_FROM = ['where', 'group', 'having', 'order', 'limit', 'union'];

/** FROM for each SELECT without: only in CLS may it be left out. */
function withTable(tokens: readonly Token[]): readonly Token[] {
  const places = tokens.flatMap((token, at) => (isWord(token, 'select') ? (placeOfFrom(tokens, at) ?? []) : []));
  return tokens.flatMap((token, at) => [...insertedAt(places, at), token]).concat(insertedAt(places, tokens.length));
}

function insertedAt(places: readonly number[], at: number): readonly Token[] {
  const from: Token = { kind: 'word', text: `from ${LOGS}` };
  return places.includes(at) ? [{ kind: 'space', text: ' ' }, from, { kind: 'space', text: '\n' }] : [];
}

/** Undefined for a SELECT that has one. */
function placeOfFrom(tokens: readonly Token[], select: number): number | undefined {
  for (let at = select + 1; at < tokens.length; at++) {
    const token = tokens[at]!;
    if (isWord(token, 'from')) return undefined;
    if (token.text === ')' || isWord(token, ...AFTER_FROM)) return at;
    if (token.text === '(') at = closingOf(tokens, at);
  }
  return tokens.length;
}

function written(tokens: readonly Token[], dialect: Dialect): string {
  let text = '';
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!;
    const call = dialect.calls[token.text.toLowerCase()];
    if (token.kind === 'word' && call !== undefined && tokens[at + 1]?.text === '(') {
      const close = closingOf(tokens, at + 1);
      const given = argumentsOf(tokens.slice(at + 2, close));
      text += call(...given.map((argument) => written(argument, dialect).trim()));
      at = close;
    } else text += word(token, isWord(previous(tokens, at), 'as') ? dialect.types : {});
  }
  return text.replace(/ +\n/g, '\n').replace(/\n\s*\n/g, '\n');
}

/** The token before, spaces aside. */
function previous(tokens: readonly Token[], at: number): Token {
  for (let before = at - 1; before >= 0; before--) if (tokens[before]!.kind !== 'space') return tokens[before]!;
  return { kind: 'space', text: '' };
}

function word({ kind, text }: Token, types: Dialect['types']): string {
  if (kind === 'name') return columnName(text.slice(1, -1));
  return kind === 'word' ? (types[text.toLowerCase()] ?? text) : text;
}
