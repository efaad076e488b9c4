/**
 * A condition asked of one log that is at hand, with the meaning that compile.ts gives it in the database: a test holds both to the same
 * answers.
 */
import { isIPv4 } from 'node:net';
import { FIELDS, INTERNAL_FIELDS, otherType } from '../model/fields.ts';
import { addressHex, prefixRange } from './address.ts';
import { type Condition, type Pattern, QueryProblem } from './condition.ts';

/** A log by its keys. */
export type Log = Readonly<Record<string, unknown>>;
export type Matcher = (log: Log) => boolean;

const TYPES: ReadonlyMap<string, string> = new Map(
  [...FIELDS, ...INTERNAL_FIELDS].map(({ name, type }) => [name, type]),
);
const SEPARATORS = '@&?|#()=\'",;:<>[]{}/ \n\t\r';
/** Between the values of one log when all are searched at once: ends a token, and no phrase reaches over it. */
const BETWEEN_VALUES = '\u001e';
const SEPARATOR_CLASS = [...SEPARATORS].map(escaped).join('');
const BOUNDARY_CLASS = [...SEPARATORS, BETWEEN_VALUES].map(escaped).join('');

/** Or why the condition means nothing. */
export function matcherOf(condition: Condition): Matcher | QueryProblem {
  try {
    return matching(condition);
  } catch (problem) {
    if (problem instanceof QueryProblem) return problem;
    throw problem;
  }
}

function matching(condition: Condition): Matcher {
  switch (condition.kind) {
    case 'all':
      return () => true;
    case 'and':
      return every(condition.parts.map(matching));
    case 'or':
      return some(condition.parts.map(matching));
    case 'not': {
      const part = matching(condition.part);
      return (log) => !part(log);
    }
    case 'present':
      return (log) => textOf(log, condition.key) !== undefined;
    case 'empty':
      return (log) => textOf(log, condition.key) === '';
    case 'match':
      return condition.key === undefined ? anywhere(condition.pattern) : inField(condition.key, condition.pattern);
    case 'compare':
      return compared(condition);
  }
}

function every(parts: readonly Matcher[]): Matcher {
  return (log) => parts.every((part) => part(log));
}

function some(parts: readonly Matcher[]): Matcher {
  return (log) => parts.some((part) => part(log));
}

function typeOf(key: string): string {
  return TYPES.get(key) ?? otherType(key);
}

function textOf(log: Log, key: string): string | undefined {
  const value = Object.hasOwn(log, key) ? log[key] : undefined;
  return value === undefined || value === null ? undefined : String(value);
}

function anywhere(pattern: Pattern): Matcher {
  const contains = containing(pattern);
  return (log) => {
    const values = Object.values(log).filter((value) => value !== null && value !== undefined);
    return contains(values.join(BETWEEN_VALUES));
  };
}

function inField(key: string, pattern: Pattern): Matcher {
  const type = typeOf(key);
  const test =
    type === 'long' ? equalling(key, pattern) : type === 'address' ? addressMatching(pattern) : containing(pattern);
  return (log) => {
    const text = textOf(log, key);
    return text !== undefined && test(text);
  };
}

function equalling(key: string, { pieces, position }: Pattern): (text: string) => boolean {
  const wanted = pieces.join('*');
  if (!/^-?\d{1,15}$/.test(wanted)) {
    throw new QueryProblem(position, `'${wanted}' is no integer of at most 15 digits, and ${key} is numeric`);
  }
  return (text) => integerIn(text) === Number(wanted);
}

/** What a column of integers holds; NaN for other texts. */
function integerIn(text: string): number {
  return /^(0|-?[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN;
}

function addressMatching({ pieces, position }: Pattern): (text: string) => boolean {
  const wanted = pieces.join('*');
  if (pieces.length > 1) {
    const expression = new RegExp(`^${pieces.map((piece) => [...piece].map(escaped).join('')).join('.*')}$`, 'isu');
    return (text) => expression.test(text);
  }
  if (isIPv4(wanted) || wanted === '-') return (text) => text === wanted;
  const hex = addressHex(wanted);
  if (hex !== undefined) return (text) => addressHex(text) === hex;
  const range = prefixRange(wanted);
  if (range === undefined) {
    throw new QueryProblem(position, `'${wanted}' is no address; write 10.0.0.1, a prefix 10.0.0.0/8, or 10.0.*`);
  }
  return (text) => {
    const found = addressHex(text);
    return found !== undefined && range[0] <= found && found <= range[1];
  };
}

/** A quoted value is a phrase; the tokens of an unquoted one may stand apart. */
function containing(pattern: Pattern): (text: string) => boolean {
  const tokens = tokensOf(pattern);
  if (tokens.length === 0) {
    const text = pattern.pieces.join('*');
    throw new QueryProblem(pattern.position, `'${text}' holds nothing but separators, which are not searched`);
  }
  const phrases = pattern.quoted ? [tokens.join(`[${SEPARATOR_CLASS}]+`)] : tokens;
  const expressions = phrases.map(
    (phrase) => new RegExp(`(?:^|[${BOUNDARY_CLASS}])${phrase}(?:$|[${BOUNDARY_CLASS}])`, 'iu'),
  );
  return (text) => expressions.every((expression) => expression.test(text));
}

/** As regular expressions; a wildcard reaches to the token's end. */
function tokensOf({ pieces }: Pattern): readonly string[] {
  const tokens = [''];
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) tokens[tokens.length - 1] += `[^${BOUNDARY_CLASS}]*`;
    for (const character of piece) {
      if (SEPARATORS.includes(character)) tokens.push('');
      else tokens[tokens.length - 1] += escaped(character);
    }
  }
  return tokens.filter((token) => token !== '');
}

function compared({ key, operator, operand }: Extract<Condition, { kind: 'compare' }>): Matcher {
  const wanted = operand.pieces.join('*');
  if (typeOf(key) === 'address')
    throw new QueryProblem(operand.position, `${key} is an address; write ${key}:${wanted}`);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(wanted) || !Number.isFinite(Number(wanted))) {
    const hint = operator === '=' ? `; for text write ${key}:${wanted}` : '';
    throw new QueryProblem(operand.position, `'${wanted}' is no number, and '${operator}' compares numbers${hint}`);
  }
  const number = Number(wanted);
  const holds = {
    '>=': (value: number) => value >= number,
    '<=': (value: number) => value <= number,
    '>': (value: number) => value > number,
    '<': (value: number) => value < number,
    '=': (value: number) => value === number,
  }[operator];
  const numberIn = typeOf(key) === 'long' ? integerIn : Number;
  return (log) => {
    const text = textOf(log, key);
    return text !== undefined && text.trim() !== '' && holds(numberIn(text));
  };
}

function escaped(character: string): string {
  return /[A-Za-z0-9]/.test(character) || character > '\u007f'
    ? character
    : `\\u{${character.charCodeAt(0).toString(16)}}`;
}
