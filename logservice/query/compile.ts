import { isIPv4 } from 'node:net';
import { ADDED_FIELDS, FIELDS, INTERNAL_FIELDS, type OtherType, otherType, TAG_PREFIX } from '../model/fields.ts';
import { addressHex, prefixRange } from './address.ts';
import { type Comparison, type Condition, type Pattern, QueryProblem } from './condition.ts';

/**
 * A condition as SQL over `logs l JOIN packages p`. All that the user wrote becomes a parameter; only names from the lists of
 * fields, operators and numbers of parameters are put into the text.
 *
 * Text is matched as the default index does: case does not count, and `key:value` means that the field contains the value as
 * a whole token, tokens being what stands between `SEPARATORS`.
 */
export interface CompiledCondition {
  readonly sql: string;
  readonly parameters: readonly (string | number)[];
}

/** Comparisons and values in one query: each may cost a look at every log. */
const TERMS_MAX = 256;

/**
 * @param firstParameter the number of the first parameter in the text
 */
export function compileCondition(condition: Condition, firstParameter: number): CompiledCondition | QueryProblem {
  const compiler = new Compiler(firstParameter);
  try {
    return { sql: compiler.compile(condition), parameters: compiler.parameters };
  } catch (problem) {
    if (problem instanceof QueryProblem) return problem;
    throw problem;
  }
}

interface Operand {
  readonly type: 'text' | 'address' | 'long';
  readonly sql: string;
  /** Of the logs, not of what the service knows of them. */
  readonly isField?: true;
  /** Where texts of a `long` field stand that are no integers: its key among the others. */
  readonly restKey?: string;
}

const SEPARATORS = '@&?|#()=\'",;:<>[]{}/ \n\t\r';
/** Between the fields of one log when all are searched at once: ends a token, and no phrase reaches over it. */
const BETWEEN_FIELDS = '\u001e';
const SEPARATOR_CLASS = characterClass(SEPARATORS);
const BOUNDARY_CLASS = characterClass(SEPARATORS + BETWEEN_FIELDS);

const COLUMN_OF: ReadonlyMap<string, Operand> = new Map([
  ...FIELDS.map(({ name, type }) => [name, { type, sql: fieldColumn(name), isField: true }] as const),
  ...INTERNAL_FIELDS.map(({ name, type }) => [name, { type, sql: internalColumn(name) }] as const),
]);

/** Where the database has a field: one of a later column may be where an earlier version of the store put it. */
export function fieldColumn(name: string): string {
  const added = ADDED_FIELDS.find((field) => field.name === name);
  if (added === undefined) return `l."${name}"`;
  return `coalesce(l."${name}", ${otherColumn(`'/${name}'`, added.type === 'long' ? 'long' : 'text')})`;
}

/** Where the database has a key without a column: `pointer` is SQL of its JSON pointer. */
export function otherColumn(pointer: string, type: OtherType): string {
  const value = `json_extract_string(l.other, ${pointer})`;
  if (type === 'text') return value;
  if (type === 'double') return `TRY_CAST(${value} AS DOUBLE)`;
  // A cast alone would round 1.5.
  return `TRY_CAST(regexp_extract(${value}, '^-?[0-9]{1,15}$') AS BIGINT)`;
}

/** Where the database has what the service knows of a log. */
export function internalColumn(name: string): string {
  const column = {
    __TIMESTAMP__: 'l.time',
    __SOURCE__: 'p.source',
    __FILENAME__: 'p.filename',
    __HOSTNAME__: 'p.hostname',
    __PKGID__: 'p.pkg_id',
    __PKGLOGID__: 'l.pkg_log_id',
  }[name];
  if (column === undefined) throw new Error(`there is no internal field ${name}`);
  return column;
}

/** All values of a log as one text. */
const ALL_VALUES = `concat_ws('${BETWEEN_FIELDS}', ${FIELDS.map(({ name }) => `l."${name}"`).join(', ')}, array_to_string(json_extract_string(l.other, '$.*'), '${BETWEEN_FIELDS}'))`;

class Compiler {
  readonly parameters: (string | number)[] = [];
  readonly #firstParameter: number;
  #terms = 0;

  constructor(firstParameter: number) {
    this.#firstParameter = firstParameter;
  }

  compile(condition: Condition): string {
    switch (condition.kind) {
      case 'all':
        return 'TRUE';
      case 'and':
      case 'or':
        return `(${condition.parts.map((part) => this.compile(part)).join(condition.kind === 'and' ? ' AND ' : ' OR ')})`;
      case 'not':
        return `(NOT ${this.compile(condition.part)})`;
      case 'present':
        return this.#present(this.#operand(condition.key));
      case 'empty':
        return isTrue(`${this.#textOf(condition.key)} = ''`);
      case 'match':
        this.#countTerm(condition.pattern);
        return this.#match(condition.key, condition.pattern);
      case 'compare':
        this.#countTerm(condition.operand);
        return this.#compare(condition.key, condition.operator, condition.operand);
    }
  }

  #countTerm({ position }: Pattern): void {
    if (++this.#terms > TERMS_MAX) throw new QueryProblem(position, `a query has at most ${TERMS_MAX} values`);
  }

  #parameter(value: string | number): string {
    this.parameters.push(value);
    return `$${this.#firstParameter + this.parameters.length - 1}`;
  }

  #operand(key: string): Operand {
    const column = COLUMN_OF.get(key);
    if (column?.type === 'long' && column.isField) return { ...column, restKey: key };
    if (column !== undefined) return column;
    if (key.startsWith(TAG_PREFIX)) return { type: 'text', sql: this.#other('p.tags', key.slice(TAG_PREFIX.length)) };
    if (otherType(key) !== 'long') return { type: 'text', sql: this.#other('l.other', key) };
    return { type: 'long', sql: otherColumn(this.#parameter(jsonPointer(key)), 'long'), restKey: key };
  }

  /** Where a text of the field stands: of an integer field beside its integers. */
  #textOf(key: string): string {
    const column = COLUMN_OF.get(key);
    const isNumeric = column === undefined ? otherType(key) === 'long' : column.type === 'long' && column.isField;
    return isNumeric ? this.#other('l.other', key) : this.#operand(key).sql;
  }

  #other(column: string, key: string): string {
    return `json_extract_string(${column}, ${this.#parameter(jsonPointer(key))})`;
  }

  #present({ sql, restKey }: Operand): string {
    if (restKey === undefined) return `(${sql} IS NOT NULL)`;
    return `(${sql} IS NOT NULL OR ${this.#other('l.other', restKey)} IS NOT NULL)`;
  }

  #match(key: string | undefined, pattern: Pattern): string {
    if (key === undefined) return this.#contains(ALL_VALUES, pattern);
    const operand = this.#operand(key);
    if (operand.type === 'long') return isTrue(`${operand.sql} = ${this.#integer(key, pattern)}`);
    if (operand.type === 'address') return this.#matchAddress(operand.sql, pattern);
    const contains = this.#contains(operand.sql, pattern);
    return COLUMN_OF.has(key) ? this.#equalsOr(operand.sql, pattern, contains) : contains;
  }

  /** Most texts of a column are the word itself: to compare takes a tenth of looking for it, which is left for the others. */
  #equalsOr(column: string, { pieces }: Pattern, contains: string): string {
    if (pieces.length > 1) return contains;
    return `(${column} IS NOT DISTINCT FROM ${this.#parameter(pieces[0]!)} OR ${contains})`;
  }

  #integer(key: string, pattern: Pattern): string {
    const text = pattern.pieces.join('*');
    const value = Number(text);
    if (!/^-?\d{1,15}$/.test(text)) {
      throw new QueryProblem(pattern.position, `'${text}' is no integer of at most 15 digits, and ${key} is numeric`);
    }
    return this.#parameter(value);
  }

  #matchAddress(column: string, { pieces, position }: Pattern): string {
    const text = pieces.join('*');
    if (pieces.length > 1) return isTrue(`lower(${column}) LIKE ${this.#parameter(likePattern(pieces))} ESCAPE '\\'`);
    if (isIPv4(text) || text === '-') return isTrue(`${column} = ${this.#parameter(text)}`);
    const hex = addressHex(text);
    if (hex !== undefined) return isTrue(`address_hex(${column}) = ${this.#parameter(hex)}`);
    const range = prefixRange(text);
    const start = dottedStart(text);
    if (range !== undefined && start !== undefined) return isTrue(`starts_with(${column}, ${this.#parameter(start)})`);
    if (range === undefined) {
      throw new QueryProblem(position, `'${text}' is no address; write 10.0.0.1, a prefix 10.0.0.0/8, or 10.0.*`);
    }
    return isTrue(`address_hex(${column}) BETWEEN ${this.#parameter(range[0])} AND ${this.#parameter(range[1])}`);
  }

  /** A quoted value is a phrase; the tokens of an unquoted one may stand apart. */
  #contains(column: string, pattern: Pattern): string {
    const tokens = tokensOf(pattern);
    if (tokens.length === 0) {
      const text = pattern.pieces.join('*');
      throw new QueryProblem(pattern.position, `'${text}' holds nothing but separators, which are not searched`);
    }
    const between = `[${SEPARATOR_CLASS}]+`;
    const phrases = pattern.quoted ? [tokens.join(between)] : tokens;
    const matches = phrases.map((phrase) => {
      const expression = `(?:^|[${BOUNDARY_CLASS}])${phrase}(?:$|[${BOUNDARY_CLASS}])`;
      return isTrue(`regexp_matches(${column}, ${this.#parameter(expression)}, 'i')`);
    });
    return matches.length === 1 ? matches[0]! : `(${matches.join(' AND ')})`;
  }

  #compare(key: string, operator: Comparison, operand: Pattern): string {
    const text = operand.pieces.join('*');
    const { type, sql } = this.#operand(key);
    if (type === 'address') throw new QueryProblem(operand.position, `${key} is an address; write ${key}:${text}`);
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(text) || !Number.isFinite(Number(text))) {
      const hint = operator === '=' ? `; for text write ${key}:${text}` : '';
      throw new QueryProblem(operand.position, `'${text}' is no number, and '${operator}' compares numbers${hint}`);
    }
    const number = type === 'long' ? sql : `TRY_CAST(${sql} AS DOUBLE)`;
    return isTrue(`${number} ${operator} ${this.#parameter(Number(text))}`);
  }
}

/** A pointer, and not a path, because it takes any key with two escapes. */
export function jsonPointer(key: string): string {
  return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** What all IPv4 addresses of a prefix of whole octets begin with: found ten times faster than by their number. */
function dottedStart(prefix: string): string | undefined {
  const [address = '', bits = ''] = prefix.split('/');
  const octets = Number(bits) / 8;
  return isIPv4(address) && [1, 2, 3].includes(octets)
    ? `${address.split('.').slice(0, octets).join('.')}.`
    : undefined;
}

/** A field that is not there matches nothing, and so matches the opposite. */
function isTrue(sql: string): string {
  return `((${sql}) IS TRUE)`;
}

/** The tokens as regular expressions, wildcards included. */
function tokensOf({ pieces }: Pattern): readonly string[] {
  const tokens: string[] = [];
  let token = '';
  const end = (): void => {
    if (token !== '') tokens.push(token);
    token = '';
  };
  for (const [index, piece] of pieces.entries()) {
    // A wildcard reaches to the token's end, not beyond it.
    if (index > 0) token += `[^${BOUNDARY_CLASS}]*`;
    for (const character of piece) {
      if (SEPARATORS.includes(character)) end();
      else token += literal(character);
    }
  }
  end();
  return tokens;
}

function literal(character: string): string {
  return /[A-Za-z0-9]/.test(character) || character > '\u007f'
    ? character
    : `\\x{${character.charCodeAt(0).toString(16)}}`;
}

function characterClass(characters: string): string {
  return [...characters].map((character) => `\\x{${character.charCodeAt(0).toString(16)}}`).join('');
}

function likePattern(pieces: readonly string[]): string {
  return pieces.map((piece) => piece.toLowerCase().replace(/[\\%_]/g, '\\$&')).join('%');
}
