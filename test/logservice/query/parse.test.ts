import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Condition, type Pattern, QueryProblem } from '../../../logservice/query/condition.ts';
import { parseQuery, QUERY_LENGTH_MAX } from '../../../logservice/query/parse.ts';
import { QUERY_SYMBOLS } from './query-symbols.ts';

/** A condition in brackets, to compare what was understood. */
function shown(condition: Condition): string {
  switch (condition.kind) {
    case 'all':
      return 'ALL';
    case 'and':
    case 'or':
      return `(${condition.parts.map(shown).join(condition.kind === 'and' ? ' & ' : ' | ')})`;
    case 'not':
      return `!${shown(condition.part)}`;
    case 'present':
      return `${condition.key}?`;
    case 'empty':
      return `${condition.key}=empty`;
    case 'match':
      return `${condition.key ?? ''}~${shownPattern(condition.pattern)}`;
    case 'compare':
      return `${condition.key}${condition.operator}${shownPattern(condition.operand)}`;
  }
}

function shownPattern({ pieces, quoted }: Pattern): string {
  const text = pieces.join('%');
  return quoted ? `"${text}"` : text;
}

function understood(query: string): string {
  const parsed = parseQuery(query);
  return parsed instanceof QueryProblem ? `${parsed.position}: ${parsed.message}` : shown(parsed.condition);
}

describe('a condition', () => {
  test.each([
    ['', 'ALL'],
    ['   ', 'ALL'],
    ['*', 'ALL'],
    ['srcaddr:10.0.0.1', 'srcaddr~10.0.0.1'],
    ['srcaddr: 10.0.0.1', 'srcaddr~10.0.0.1'],
    ['srcaddr:10.0.0.1 AND dstport:443', '(srcaddr~10.0.0.1 & dstport~443)'],
    ['a:1 or b:2 and c:3', '(a~1 | (b~2 & c~3))'],
    ['(a:1 or b:2) and c:3', '((a~1 | b~2) & c~3)'],
    ['a:1 NOT b:2', '(a~1 & !b~2)'],
    ['not not a:1', 'a~1'],
    ['NOT (a:1 OR b:2)', '!(a~1 | b~2)'],
    ['NOT(a:1)', '!a~1'],
    ['level:(ERROR OR WARNING)', '(level~ERROR | level~WARNING)'],
    ['level:(a AND NOT (b OR "c d"))', '(level~a & !(level~b | level~"c d"))'],
    ['"in order" AND word', '(~"in order" & ~word)'],
    ["'it is' OR x", '(~"it is" | ~x)'],
    ['srcaddr:10.0.*', 'srcaddr~10.0.%'],
    ['name:a*b*c', 'name~a%b%c'],
    ['name:"a b*"', 'name~"a b%"'],
    ['name:*', 'name?'],
    ['name:""', 'name=empty'],
    ['dstport>=1024', 'dstport>=1024'],
    ['dstport > 1024', 'dstport>1024'],
    ['bytes<=1.5 and packets=3', '(bytes<=1.5 & packets=3)'],
    ['log-status:OK', 'log-status~OK'],
    ['dstaddr:fe80::1', 'dstaddr~fe80::1'],
    ['srcaddr:10.0.0.0/8', 'srcaddr~10.0.0.0/8'],
    ['key:a\\ b\\:c\\"\\*\\(', 'key~a b:c"*('],
    ['key:"a \\" b"', 'key~"a " b"'],
    ['key:">1"', 'key~">1"'],
    ['order', '~order'],
    ['android:nothing', 'android~nothing'],
    ['and:1 OR or:2 OR not>3', '(and~1 | or~2 | not>3)'],
    ['"and"', '~"and"'],
    ['\\not', '~not'],
    ['__TAG__.region:x', '__TAG__.region~x'],
    ['key:a=b', 'key~a=b'],
  ])('%j means %s', (query, meaning) => {
    expect(understood(query)).toBe(meaning);
  });

  test.each([
    ['a:1 b:2', "4: AND, OR, NOT, '|' or the end is expected here, but there is 'b'"],
    ['a:1 AND', '7: a condition is expected here, but the query ends'],
    ['a:1 AND OR', '8: a condition is expected here, but there is an operator (quoted it is a word)'],
    ['(a:1', "0: this '(' is never closed"],
    ['a:1)', "3: AND, OR, NOT, '|' or the end is expected here, but there is ')'"],
    ['()', "1: a condition is expected here, but there is ')'"],
    ['a:()', "3: a value is expected here, but there is ')'"],
    ['a:(b:c) x', "8: AND, OR, NOT, '|' or the end is expected here, but there is 'x'"],
    ['a:', "2: a value after 'a:' is expected here, but the query ends"],
    ['a: | select 1', "3: a value after 'a:' is expected here, but there is '|'"],
    [':1', "0: a key is expected before ':'"],
    ['a b:1', "2: AND, OR, NOT, '|' or the end is expected here, but there is 'b'"],
    ['ä:1', "0: 'ä' is no key: keys are letters, digits and _ - . / @ (escape : < > = in a value)"],
    ['"open', '0: this " is never closed'],
    ['a:"open | select 1', '2: this " is never closed'],
    ['a:\\', '2: nothing follows this backslash'],
    ['a:*b', "2: a value cannot begin with '*'; a wildcard stands in the middle or at the end (or escape it: \\*)"],
    ['a:**', "2: one '*' is enough"],
    ['dstport:>400', '8: CQL compares without a colon: dstport>...'],
    ['dstport:[1 TO 2]', '8: CQL has no [a TO b]; write dstport>=a AND dstport<=b'],
    ['a>', "2: a number after 'a>' is expected here, but the query ends"],
    ['""', '0: an empty value matches nothing; to search for empty fields write key:""'],
  ])('%j is not understood: %s', (query, problem) => {
    expect(understood(query)).toBe(problem);
  });

  test('ends at the first bar that is neither quoted nor escaped', () => {
    const parsed = parseQuery('a:"x|y" AND b:c\\|d | select \'|\' as bar');
    expect(parsed).toMatchObject({ sql: { text: " select '|' as bar", position: 20 } });
  });

  test('is bounded in length and depth', () => {
    expect(understood('x'.repeat(QUERY_LENGTH_MAX + 1))).toContain('longer than');
    expect(understood('('.repeat(65))).toContain('more than 64 parentheses');
    expect(understood(`${'not '.repeat(2000)}x`)).toBe('~x');
  });

  test('is understood or refused at a place within it, whatever it is', () => {
    const piece = fc.oneof(fc.constantFrom(...QUERY_SYMBOLS, 'AND', 'or', 'NOT', 'key'), fc.string({ maxLength: 4 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const query = pieces.join('');
        const parsed = parseQuery(query);
        if (parsed instanceof QueryProblem) {
          expect(parsed.position).toBeGreaterThanOrEqual(0);
          expect(parsed.position).toBeLessThanOrEqual(query.length);
        } else {
          expect(shown(parsed.condition)).toBeTypeOf('string');
        }
      }),
      { numRuns: 2000 },
    );
  });
});
