import { COMPARISONS, type Comparison, type Condition, type Pattern, QueryProblem } from './condition.ts';

/**
 * The condition part of CQL, the query language of Cloud Log Service, up to the bar before the SQL:
 *
 *     query      = [ condition ] [ "|" sql ]
 *     condition  = conjunction { OR conjunction }
 *     conjunction= negation { [ AND ] negation }           (without AND only before NOT)
 *     negation   = { NOT } primary
 *     primary    = "(" condition ")" | "*" | value | key comparison number
 *                | key ":" ( value | "*" | '""' | "(" values ")" )
 *     value      = word | '"' phrase '"' | "'" phrase "'"
 *
 * AND, OR and NOT in any case. `*` stands for any characters in the middle or at the end of a value. `\` takes the meaning
 * from the character after it. What is no condition, and begins as SQL does, is SQL over all logs. Limits: `QUERY_LENGTH_MAX`, `DEPTH_MAX`.
 */
export const QUERY_LENGTH_MAX = 12 * 1024;
const DEPTH_MAX = 64;

export interface ParsedQuery {
  readonly condition: Condition;
  /** The SQL after the bar, and where it begins; undefined without a bar. */
  readonly sql: { readonly text: string; readonly position: number } | undefined;
}

export function parseQuery(text: string): ParsedQuery | QueryProblem {
  if (text.length > QUERY_LENGTH_MAX) {
    return new QueryProblem(QUERY_LENGTH_MAX, `the query is longer than ${QUERY_LENGTH_MAX} characters`);
  }
  try {
    return new Parser(text).query();
  } catch (problem) {
    if (!(problem instanceof QueryProblem)) throw problem;
    return BEGINS_SQL.test(text) ? { condition: { kind: 'all' }, sql: { text, position: 0 } } : problem;
  }
}

const BEGINS_SQL = /^\s*(?:select|with)\s/i;

const SPACE = /\s/;
const KEY = /^[A-Za-z0-9_\-./@]+$/;
/** What ends a word when it stands unescaped. */
const ENDS_WORD = /[\s()|"']/;

interface Word {
  readonly pattern: Pattern;
  /** Whether a backslash was in it: then it is no keyword. */
  readonly escaped: boolean;
  readonly text: string;
}

/** Problems are thrown inside, to unwind the recursion, and caught in `parseQuery`. */
class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  query(): ParsedQuery {
    this.#skipSpace();
    const condition: Condition = this.#atEnd() ? { kind: 'all' } : this.#condition(undefined);
    this.#skipSpace();
    if (this.#at === this.#text.length) return { condition, sql: undefined };
    if (this.#peek() !== '|') throw this.#unexpected("AND, OR, NOT, '|' or the end");
    const position = this.#at + 1;
    return { condition, sql: { text: this.#text.slice(position), position } };
  }

  /** @param key set between the parentheses of `key:( ... )`, where only values may stand */
  #condition(key: string | undefined): Condition {
    const parts = [this.#conjunction(key)];
    while (this.#takeKeyword('or')) parts.push(this.#conjunction(key));
    return parts.length === 1 ? parts[0]! : { kind: 'or', parts };
  }

  #conjunction(key: string | undefined): Condition {
    const parts = [this.#negation(key)];
    while (this.#takeKeyword('and') || this.#seesKeyword('not')) parts.push(this.#negation(key));
    return parts.length === 1 ? parts[0]! : { kind: 'and', parts };
  }

  #negation(key: string | undefined): Condition {
    let negative = false;
    while (this.#takeKeyword('not')) negative = !negative;
    const part = this.#primary(key);
    return negative ? { kind: 'not', part } : part;
  }

  #primary(key: string | undefined): Condition {
    this.#skipSpace();
    if (this.#peek() === '(') return this.#parentheses(key);
    if (this.#atEnd() || this.#peek() === ')') throw this.#unexpected(key === undefined ? 'a condition' : 'a value');
    if (this.#seesKeyword('and') || this.#seesKeyword('or')) {
      throw new QueryProblem(this.#at, 'a condition is expected here, but there is an operator (quoted it is a word)');
    }
    if (key !== undefined) return this.#valueOf(key);
    const start = this.#at;
    const quote = this.#peek() === '"' || this.#peek() === "'";
    if (!quote) {
      const named = this.#key();
      if (named !== undefined) return named;
      this.#at = start;
    }
    const { pattern, text } = quote ? this.#phrase() : this.#word();
    if (!quote && text === '*') return { kind: 'all' };
    if (text === '')
      throw new QueryProblem(start, 'an empty value matches nothing; to search for empty fields write key:""');
    return { kind: 'match', key: undefined, pattern };
  }

  #parentheses(key: string | undefined): Condition {
    if (++this.#depth > DEPTH_MAX) throw new QueryProblem(this.#at, `more than ${DEPTH_MAX} parentheses are nested`);
    const open = this.#at++;
    const condition = this.#condition(key);
    this.#skipSpace();
    if (this.#atEnd()) throw new QueryProblem(open, "this '(' is never closed");
    if (this.#peek() !== ')') throw this.#unexpected("AND, OR, NOT or ')'");
    this.#at += 1;
    this.#depth -= 1;
    return condition;
  }

  /** `key:...` or `key>...`; undefined when what comes is a value of its own. */
  #key(): Condition | undefined {
    const start = this.#at;
    while (!this.#atEnd() && !ENDS_WORD.test(this.#peek()) && !/[:<>=\\]/.test(this.#peek())) this.#at += 1;
    const key = this.#text.slice(start, this.#at);
    const colon = this.#peek() === ':';
    if (!colon) this.#skipSpace();
    const operator = colon ? undefined : COMPARISONS.find((sign) => this.#text.startsWith(sign, this.#at));
    if (!colon && operator === undefined) return undefined;
    if (!KEY.test(key)) {
      if (key === '') throw new QueryProblem(start, `a key is expected before '${this.#peek()}'`);
      throw new QueryProblem(
        start,
        `'${key}' is no key: keys are letters, digits and _ - . / @ (escape : < > = in a value)`,
      );
    }
    if (operator !== undefined) return this.#comparison(key, operator);
    this.#at += 1;
    this.#skipSpace();
    if (this.#peek() === '(') return this.#parentheses(key);
    if (this.#atEnd() || this.#peek() === ')') throw this.#unexpected(`a value after '${key}:'`);
    return this.#valueOf(key);
  }

  #comparison(key: string, operator: Comparison): Condition {
    this.#at += operator.length;
    this.#skipSpace();
    if (this.#atEnd()) throw this.#unexpected(`a number after '${key}${operator}'`);
    const operand = this.#anyValue().pattern;
    return { kind: 'compare', key, operator, operand };
  }

  #valueOf(key: string): Condition {
    const first = this.#peek();
    if (first === '>' || first === '<') {
      throw new QueryProblem(this.#at, `CQL compares without a colon: ${key}${first}...`);
    }
    if (first === '[' || first === '{') {
      throw new QueryProblem(this.#at, `CQL has no [a TO b]; write ${key}>=a AND ${key}<=b`);
    }
    const { pattern, text } = this.#anyValue();
    if (text === '') return { kind: 'empty', key };
    if (!pattern.quoted && text === '*') return { kind: 'present', key };
    return { kind: 'match', key, pattern };
  }

  #anyValue(): Word {
    return this.#peek() === '"' || this.#peek() === "'" ? this.#phrase() : this.#word();
  }

  #word(): Word {
    const start = this.#at;
    return this.#pieces(start, false, () => this.#atEnd() || ENDS_WORD.test(this.#peek()));
  }

  #phrase(): Word {
    const start = this.#at;
    const quote = this.#peek();
    this.#at += 1;
    const word = this.#pieces(start, true, () => {
      if (this.#at === this.#text.length) throw new QueryProblem(start, `this ${quote} is never closed`);
      return this.#peek() === quote;
    });
    this.#at += 1;
    return word;
  }

  #pieces(position: number, quoted: boolean, ended: () => boolean): Word {
    const from = this.#at;
    const pieces = [''];
    let escaped = false;
    while (!ended()) {
      const character = this.#peek();
      this.#at += 1;
      if (character === '*') pieces.push('');
      else if (character !== '\\') pieces[pieces.length - 1] += character;
      else {
        if (this.#at === this.#text.length) throw new QueryProblem(this.#at - 1, 'nothing follows this backslash');
        escaped = true;
        pieces[pieces.length - 1] += this.#peek();
        this.#at += 1;
      }
    }
    const text = this.#text.slice(from, this.#at);
    const onlyStars = pieces.every((piece) => piece === '');
    if (text === '' && !quoted) throw this.#unexpected('a value');
    if (pieces.length > 1 && pieces[0] === '' && (quoted || !onlyStars)) {
      throw new QueryProblem(
        from,
        "a value cannot begin with '*'; a wildcard stands in the middle or at the end (or escape it: \\*)",
      );
    }
    if (onlyStars && pieces.length > 2) throw new QueryProblem(from, "one '*' is enough");
    return { pattern: { pieces, quoted, position }, escaped, text };
  }

  #seesKeyword(keyword: 'and' | 'or' | 'not'): boolean {
    this.#skipSpace();
    const end = this.#at + keyword.length;
    if (this.#text.slice(this.#at, end).toLowerCase() !== keyword) return false;
    // Followed by a colon or a comparison it is a key.
    return end >= this.#text.length || /[\s()|"']/.test(this.#text[end]!);
  }

  #takeKeyword(keyword: 'and' | 'or' | 'not'): boolean {
    if (!this.#seesKeyword(keyword)) return false;
    this.#at += keyword.length;
    return true;
  }

  #skipSpace(): void {
    while (this.#at < this.#text.length && SPACE.test(this.#text[this.#at]!)) this.#at += 1;
  }

  /** At the end of the condition: of the text, or at the bar. */
  #atEnd(): boolean {
    return this.#at >= this.#text.length || this.#text[this.#at] === '|';
  }

  #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #unexpected(expected: string): QueryProblem {
    const found = this.#at >= this.#text.length ? 'the query ends' : `there is '${this.#peek()}'`;
    return new QueryProblem(this.#at, `${expected} is expected here, but ${found}`);
  }
}
