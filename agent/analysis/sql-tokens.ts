/** SQL as tokens, as far as it must be understood to be put into other words. */
export type TokenKind = 'space' | 'word' | 'name' | 'text' | 'number' | 'sign';
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

const TOKENS: readonly (readonly [TokenKind, RegExp])[] = [
  ['space', /\s+/y],
  ['word', /[A-Za-z_]\w*/y],
  ['name', /"(?:[^"]|"")*"/y],
  ['text', /'(?:[^']|'')*'/y],
  ['number', /\d+(?:\.\d+)?/y],
  ['sign', /<=|>=|<>|!=|\|\||[-+*/%=<>(),.]/y],
];

/** @throws Error at what is no token: the catalogue has none */
export function tokensOf(sql: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < sql.length; at += tokens.at(-1)!.text.length) tokens.push(tokenAt(sql, at));
  return tokens;
}

function tokenAt(sql: string, at: number): Token {
  for (const [kind, pattern] of TOKENS) {
    pattern.lastIndex = at;
    const [text] = pattern.exec(sql) ?? [];
    if (text !== undefined) return { kind, text };
  }
  throw new Error(`unexpected '${sql[at]}' in SQL at position ${at}`);
}

export function isWord({ kind, text }: Token, ...words: readonly string[]): boolean {
  return kind === 'word' && words.includes(text.toLowerCase());
}

/** Of the token that closes the parenthesis at this place. */
export function closingOf(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    if (tokens[at]!.text === '(') depth += 1;
    else if (tokens[at]!.text === ')' && --depth === 0) return at;
  }
  throw new Error('a parenthesis is never closed');
}

/** What stands between the commas that are in no inner parenthesis. */
export function argumentsOf(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.text === '(') depth += 1;
    else if (token.text === ')') depth -= 1;
    if (token.text === ',' && depth === 0) parts.push([]);
    else parts.at(-1)!.push(token);
  }
  return parts;
}
