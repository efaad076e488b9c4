/**
 * A reader of what Cloud Log Service documents of its query language, as far as flowlogd's queries go: it refuses everything else. Written
 * from the public pages alone, not from our parsers; numbers are those of https://www.tencentcloud.com/document/product/614/NUMBER.
 *
 *     query      = [ search ] [ "|" select ]                        37803: search condition, bar, SQL of SQL-92 style; no semicolon
 *     search     = and { OR and }      and = not { [AND] not }      37803: AND binds tighter than OR; NOT; parentheses
 *     not        = [ NOT ] ( "(" search ")" | clause )
 *     clause     = key ":" ( value | "(" values ")" ) | key compare number | value
 *     select     = SELECT [DISTINCT] items [FROM "(" select ")" | FROM log] [WHERE e] [GROUP BY es] [HAVING e]
 *                  [ORDER BY e [ASC|DESC], ...] [LIMIT n] { UNION [ALL] | INTERSECT | EXCEPT  select }
 *                                                                   44062 (cloud.tencent.com): the clauses; WITH and FILTER are none of them
 *     e          = OR, AND, NOT, comparison, IN, BETWEEN, LIKE, IS [NOT] NULL, + - * / % ||, CASE, CAST, call, "(" select ")"
 *     call       = a function of FUNCTIONS with as many arguments as documented [ OVER ( PARTITION BY ... ORDER BY ... frame ) ]
 *
 * JOIN, UNNEST and VALUES are documented too; we write none, and refuse them here so that the texts stay what every dialect knows.
 * Functions: 41995 aggregates, 41994 statistics, 41993 numbers, 41291 texts, 41989 times, 41998 estimates, 41999 types, 42001 conditions,
 * 45284 windows, 78970 overview (greatest, least).
 */
type Arity = readonly [least: number, most: number];
const MANY = Number.POSITIVE_INFINITY;
const FUNCTIONS: Readonly<Record<string, Arity>> = {
  ...arities([1, 1], 'arbitrary avg bitwise_and_agg bitwise_or_agg checksum count count_if geometric_mean sum'),
  ...arities([1, 2], 'max min'),
  ...arities([2, 3], 'max_by min_by'),
  ...arities([1, 1], 'stddev stddev_samp stddev_pop variance var_samp var_pop'),
  ...arities([2, 2], 'corr covar_pop covar_samp regr_intercept regr_slope'),
  ...arities(
    [1, 1],
    'abs cbrt sqrt degrees radians exp ln log2 log10 sign sin cos tan asin acos atan ceil ceiling floor',
  ),
  ...arities([0, 0], 'pi e now current_timezone'),
  ...arities([1, 2], 'round truncate from_unixtime'),
  ...arities([2, 2], 'pow power mod log bitwise_and bitwise_or bitwise_xor'),
  ...arities([1, 1], 'chr codepoint length lower upper reverse ltrim rtrim trim to_unixtime typeof'),
  ...arities([2, MANY], 'concat greatest least coalesce'),
  ...arities([3, 3], 'split_part lpad rpad'),
  ...arities([2, 3], 'strpos substr split replace if'),
  ...arities([2, 2], 'nullif date_trunc date_format date_parse histogram'),
  ...arities([4, 4], 'time_series'),
  ...arities([1, 1], 'approx_distinct'),
  ...arities([2, 2], 'approx_percentile'),
  ...arities([0, 0], 'rank dense_rank row_number'),
};
/** 41999: what CAST takes. */
const TYPES = new Set(['bigint', 'varchar', 'double', 'boolean', 'timestamp', 'decimal']);
/** No name of a column without quotes. */
const RESERVED = new Set(
  words(
    'select from where group by having order limit union intersect except all distinct as case when then else end and or not in between like is null cast try_cast over join with filter on using values unnest asc desc',
  ),
);

function words(text: string): readonly string[] {
  return text.split(' ');
}

function arities(arity: Arity, names: string): Readonly<Record<string, Arity>> {
  return Object.fromEntries(words(names).map((name) => [name, arity]));
}

/** @throws Error that says where the query leaves what is documented */
export function readCls(query: string): void {
  const bar = query.indexOf('|');
  new SearchReader(bar < 0 ? query : query.slice(0, bar)).whole();
  if (bar >= 0) new SqlReader(query.slice(bar + 1)).whole();
}

class Reader {
  protected readonly tokens: readonly string[];
  protected at = 0;

  constructor(text: string, pattern: RegExp) {
    const matches = [...text.matchAll(pattern)].map(([token]) => token);
    const unread = text.replace(pattern, '').trim();
    if (unread !== '') throw new Error(`not documented: ${unread.slice(0, 20)}`);
    this.tokens = matches;
  }

  protected peek(): string {
    return (this.tokens[this.at] ?? '').toLowerCase();
  }

  protected takes(...accepted: readonly string[]): boolean {
    if (!accepted.includes(this.peek())) return false;
    this.at += 1;
    return true;
  }

  protected expects(token: string): void {
    if (!this.takes(token)) throw this.unexpected(token);
  }

  protected unexpected(expected: string): Error {
    const around = this.tokens.slice(Math.max(0, this.at - 3), this.at + 2).join(' ');
    return new Error(`expected ${expected}, found '${this.peek()}' at: ${around}`);
  }
}

class SearchReader extends Reader {
  constructor(text: string) {
    super(text, /"[^"]*"|'[^']*'|>=|<=|[:()<>=]|[^\s:()<>="'|]+/g);
  }

  whole(): void {
    if (this.tokens.length > 0) this.#search();
    if (this.at < this.tokens.length) throw this.unexpected('the end of the condition');
  }

  #search(): void {
    do this.#conjunction();
    while (this.takes('or'));
  }

  #conjunction(): void {
    do this.#negation();
    while (this.takes('and') || this.peek() === 'not');
  }

  #negation(): void {
    this.takes('not');
    if (this.takes('(')) {
      this.#search();
      this.expects(')');
    } else this.#clause();
  }

  #clause(): void {
    this.#value();
    if (this.takes(':')) {
      if (this.takes('(')) {
        do this.#value();
        while (this.takes('or', 'and'));
        this.expects(')');
      } else this.#value();
    } else if (this.takes('>', '<', '>=', '<=', '=')) this.#value();
  }

  #value(): void {
    const value = this.tokens[this.at] ?? '';
    if (value === '' || /^[:()<>=]/.test(value) || /^(and|or|not)$/i.test(value)) throw this.unexpected('a value');
    // 37803: no prefix search, and no network: `*` stands in the middle or at the end.
    if (/^"?\*./.test(value) || /\/\d+$/.test(value)) throw new Error(`not documented: ${value}`);
    this.at += 1;
  }
}

class SqlReader extends Reader {
  constructor(text: string) {
    super(text, /"[^"]+"|'(?:[^']|'')*'|\d+(?:\.\d+)?|[A-Za-z_]\w*|<=|>=|<>|!=|\|\||[-+*%=<>(),]|\/(?!\/)/g);
  }

  whole(): void {
    this.#select();
    if (this.at < this.tokens.length) throw this.unexpected('the end of the query');
  }

  #select(): void {
    this.expects('select');
    this.takes('distinct');
    this.#items();
    if (this.takes('from')) this.#from();
    if (this.takes('where')) this.#expression();
    if (this.takes('group')) {
      this.expects('by');
      this.#list();
    }
    if (this.takes('having')) this.#expression();
    this.#orderAndLimit();
    if (this.takes('union', 'intersect', 'except')) {
      this.takes('all');
      this.#select();
    }
  }

  #orderAndLimit(): void {
    if (this.takes('order')) {
      this.expects('by');
      do {
        this.#expression();
        this.takes('asc', 'desc');
      } while (this.takes(','));
    }
    if (this.takes('limit') && !/^\d+$/.test(this.tokens[this.at++] ?? '')) throw this.unexpected('a number of rows');
  }

  #from(): void {
    if (this.takes('log')) return;
    this.expects('(');
    this.#select();
    this.expects(')');
  }

  #items(): void {
    do {
      if (this.takes('*')) continue;
      this.#expression();
      if (this.takes('as')) this.#name();
    } while (this.takes(','));
  }

  #list(): void {
    do this.#expression();
    while (this.takes(','));
  }

  #expression(): void {
    do this.#negation();
    while (this.takes('and', 'or'));
  }

  #negation(): void {
    this.takes('not');
    this.#sum();
    if (this.takes('is')) {
      this.takes('not');
      this.expects('null');
    } else if (this.takes('=', '<>', '!=', '<', '>', '<=', '>=')) this.#sum();
    else this.#range();
  }

  #range(): void {
    this.takes('not');
    if (this.takes('like')) this.#sum();
    else if (this.takes('in')) this.#parenthesis();
    else if (this.takes('between')) {
      this.#sum();
      this.expects('and');
      this.#sum();
    }
  }

  #sum(): void {
    do this.#operand();
    while (this.takes('+', '-', '*', '/', '%', '||'));
  }

  #operand(): void {
    this.takes('-');
    if (this.takes('null', 'true', 'false')) return;
    if (this.peek() === '(') this.#parenthesis();
    else if (this.takes('case')) this.#case();
    else if (this.takes('cast', 'try_cast')) this.#cast();
    else if (this.takes('interval')) this.#interval();
    else if (/^['\d]/.test(this.peek())) this.at += 1;
    else if (this.tokens[this.at + 1] === '(') this.#call();
    else this.#name();
  }

  #parenthesis(): void {
    this.expects('(');
    if (this.peek() === 'select') this.#select();
    else this.#list();
    this.expects(')');
  }

  #case(): void {
    while (this.takes('when')) {
      this.#expression();
      this.expects('then');
      this.#expression();
    }
    if (this.takes('else')) this.#expression();
    this.expects('end');
  }

  #cast(): void {
    this.expects('(');
    this.#expression();
    this.expects('as');
    const type = this.peek();
    if (!TYPES.has(type)) throw this.unexpected('a type that CAST takes');
    this.at += 1;
    this.expects(')');
  }

  #interval(): void {
    this.at += 1;
    if (!this.takes('second', 'minute', 'hour', 'day', 'month', 'year')) throw this.unexpected('a unit of time');
  }

  #call(): void {
    const name = this.peek();
    const arity = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (arity === undefined) throw new Error(`not documented: the function ${name}`);
    this.at += 2;
    let given = 0;
    if (this.peek() !== ')') {
      if (name === 'count') this.takes('distinct');
      do {
        given += 1;
        if (!(name === 'count' && this.takes('*'))) this.#expression();
      } while (this.takes(','));
    }
    this.expects(')');
    if (given < arity[0] || given > arity[1])
      throw new Error(`${name} takes ${arity.join(' to ')} arguments, not ${given}`);
    if (this.takes('over')) this.#window();
  }

  #window(): void {
    this.expects('(');
    if (this.takes('partition')) {
      this.expects('by');
      this.#list();
    }
    this.#orderAndLimit();
    if (this.takes('rows', 'range')) {
      this.expects('between');
      this.#frameEnd();
      this.expects('and');
      this.#frameEnd();
    }
    this.expects(')');
  }

  #frameEnd(): void {
    const isRow = this.takes('current');
    this.at += isRow ? 0 : 1;
    if (!this.takes(...(isRow ? ['row'] : ['preceding', 'following']))) throw this.unexpected('an end of a frame');
  }

  #name(): void {
    const name = this.tokens[this.at] ?? '';
    if (!/^["A-Za-z_]/.test(name) || RESERVED.has(name.toLowerCase())) throw this.unexpected('a name');
    this.at += 1;
  }
}
