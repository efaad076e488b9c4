/** The columns that a query of the catalogue answers: the items of its outermost SELECT. */
import { argumentsOf, closingOf, isWord, type Token, tokensOf } from './sql-tokens.ts';

export interface OutputColumn {
  /** That of its place where it has none, as in CLS. */
  readonly name: string;
  /** The item without its name. */
  readonly expression: string;
}

/** Words that end the items of a SELECT. */
const AFTER_ITEMS = ['from', 'where', 'group', 'having', 'order', 'limit', 'union'];

export function outputColumns(sql: string): readonly OutputColumn[] {
  const tokens = tokensOf(sql.trim());
  return argumentsOf(tokens.slice(1, endOfItems(tokens))).map(columnOf);
}

/** The same query with its items written in another way. */
export function withOutputColumns(sql: string, written: (column: OutputColumn) => string): string {
  const tokens = tokensOf(sql.trim());
  const rest = textOf(tokens.slice(endOfItems(tokens)));
  return `select ${outputColumns(sql).map(written).join(', ')}\n${rest}`;
}

function endOfItems(tokens: readonly Token[]): number {
  for (let at = 1; at < tokens.length; at++) {
    if (isWord(tokens[at]!, ...AFTER_ITEMS)) return at;
    if (tokens[at]!.text === '(') at = closingOf(tokens, at);
  }
  return tokens.length;
}

function columnOf(item: readonly Token[], index: number): OutputColumn {
  const words = item.filter(({ kind }) => kind !== 'space');
  const last = words.at(-1)!;
  const isNamed = words.length > 2 && isWord(words.at(-2)!, 'as');
  const expression = isNamed
    ? item.slice(
        0,
        item.findLastIndex((token) => isWord(token, 'as')),
      )
    : item;
  const hasName = last.kind === 'word' || last.kind === 'name';
  return { name: hasName ? last.text.replaceAll('"', '') : `_col${index}`, expression: textOf(expression).trim() };
}

function textOf(tokens: readonly Token[]): string {
  return tokens.map(({ text }) => text).join('');
}
