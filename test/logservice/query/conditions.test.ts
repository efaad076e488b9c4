/**
 * Conditions made at random, over logs made at random, against a plain reading of what the manual says: which logs are found must be
 * the same whether the database is asked or each log is looked at.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { QueryProblem } from '../../../logservice/query/condition.ts';
import { matcherOf } from '../../../logservice/query/matcher.ts';
import { parseQuery } from '../../../logservice/query/parse.ts';
import { SearchedStore } from '../searched-store.ts';

type Log = Readonly<Record<string, string>>;

const BASE_MS = 1_700_000_000_000;
const ADDRESSES = ['10.0.0.1', '10.0.0.12', '10.0.1.1', '10.128.0.1', '192.0.2.255', 'fe80::1', 'FD00:0::a', '-'];
const WORDS = ['accept', 'Reset', 'by', 'peer', '443', '100%', 'a_b', 'ÄRGER', '東京', 'x-y', 'e.g.', '10.0.0.1'];
const SEPARATORS = '@&?|#()=\'",;:<>[]{}/ \n\t\r';

const sentence = fc
  .array(fc.tuple(fc.constantFrom(...WORDS), fc.constantFrom(...SEPARATORS)), { maxLength: 4 })
  .map((parts) => parts.flat().join(''));
const long = fc.constantFrom('0', '7', '443', '5353', '-1', '999999999999999');
const arbitraryLog: fc.Arbitrary<Log> = fc.record(
  {
    srcaddr: fc.constantFrom(...ADDRESSES),
    dstport: fc.oneof(long, fc.constantFrom('-', '007', '1.5')),
    action: fc.constantFrom('ACCEPT', 'REJECT', '-'),
    message: sentence,
    score: fc.constantFrom('1.5', '-2', '1e3', 'none', ''),
    'ledger-metered-packets': long,
  },
  { requiredKeys: [] },
);
const LOGS: readonly Log[] = fc.sample(arbitraryLog, { numRuns: 60, seed: 20_261_130 });

type Value = { readonly words: readonly string[]; readonly quoted: boolean };
type Condition =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly part: Condition }
  | { readonly kind: 'present' | 'empty'; readonly key: string }
  | { readonly kind: 'match'; readonly key: string | undefined; readonly value: Value }
  | { readonly kind: 'compare'; readonly key: string; readonly operator: string; readonly number: number };

const KEYS = ['srcaddr', 'dstport', 'action', 'message', 'score', 'ledger-metered-packets'];
const LONG_KEYS = ['dstport', 'ledger-metered-packets'];
const TEXT_KEYS = ['action', 'message', 'score'];

/** A word as it stands, in other letters, or with a wildcard for its end or its middle. */
const wildcarded = fc
  .tuple(fc.constantFrom(...WORDS, 'none', '1.5', 'reject'), fc.nat(5))
  .map(([word, form]) =>
    form === 0 ? `${word[0]}*` : form === 1 ? `${word[0]}*${word.at(-1)}` : form === 2 ? word.toUpperCase() : word,
  );
const phrase = fc.record({ words: fc.array(wildcarded, { minLength: 1, maxLength: 3 }), quoted: fc.boolean() });
const one = (words: fc.Arbitrary<string>) => fc.record({ words: fc.tuple(words), quoted: fc.boolean() });
const prefix = fc.oneof(
  fc.tuple(
    fc.constantFrom('10.0.0.1', '10.0.1.1', '192.0.2.255', '0.0.0.0'),
    fc.constantFrom(0, 8, 9, 15, 16, 24, 29, 32),
  ),
  fc.tuple(fc.constantFrom('fe80::', 'fd00::a', '::'), fc.constantFrom(0, 8, 10, 64, 128)),
);
const address = fc.oneof(
  fc.constantFrom(...ADDRESSES, 'FE80:0:0::1', 'fd00::a', '10.0.*', '10.*.1', 'FE80:*', '1*'),
  prefix.map(([base, bits]) => `${base}/${bits}`),
);

const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ kind: fc.constantFrom('present', 'empty'), key: fc.constantFrom(...KEYS) }),
    fc.record({ kind: fc.constant('match'), key: fc.constantFrom(...TEXT_KEYS), value: phrase }),
    fc.record({ kind: fc.constant('match'), key: fc.constantFrom(...LONG_KEYS), value: one(long) }),
    fc.record({ kind: fc.constant('match'), key: fc.constant('srcaddr'), value: one(address) }),
    fc.record({ kind: fc.constant('match'), key: fc.constant(undefined), value: one(wildcarded) }),
    fc.record({
      kind: fc.constant('compare'),
      key: fc.constantFrom(...LONG_KEYS, 'score'),
      operator: fc.constantFrom('>', '>=', '<', '<=', '='),
      number: fc.constantFrom(-2, -1, 0, 1.5, 7, 443, 1000, 1e15),
    }),
    fc.record({
      kind: fc.constantFrom('and', 'or'),
      parts: fc.array(tie('condition'), { minLength: 2, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('not'), part: tie('condition') }),
  ) as fc.Arbitrary<Condition>,
}));

/** As a user writes it: AND binds closer than OR. */
function written(asked: Condition, around: Condition['kind'] = 'or'): string {
  switch (asked.kind) {
    case 'and':
    case 'or': {
      const text = asked.parts.map((part) => written(part, asked.kind)).join(asked.kind === 'and' ? ' AND ' : ' or ');
      return around === 'or' ? text : `(${text})`;
    }
    case 'not':
      return `NOT ${written(asked.part, 'not')}`;
    case 'present':
      return `${asked.key}:*`;
    case 'empty':
      return `${asked.key}:""`;
    case 'match':
      return `${asked.key === undefined ? '' : `${asked.key}:`}${valueText(asked.value)}`;
    case 'compare':
      return `${asked.key} ${asked.operator} ${asked.number}`;
  }
}

function valueText({ words, quoted }: Value): string {
  if (quoted) return `"${words.join(' / ')}"`;
  return words.map((word) => word.replaceAll(':', '\\:')).join('\\ ');
}

function finds(asked: Condition, log: Log): boolean {
  switch (asked.kind) {
    case 'and':
      return asked.parts.every((part) => finds(part, log));
    case 'or':
      return asked.parts.some((part) => finds(part, log));
    case 'not':
      return !finds(asked.part, log);
    case 'present':
      return asked.key in log;
    case 'empty':
      return log[asked.key] === '';
    case 'match':
      if (asked.key === undefined) return Object.values(log).some((text) => holds(text, asked.value));
      return asked.key in log && matches(asked.key, log[asked.key]!, asked.value);
    case 'compare':
      return asked.key in log && compares(numberOf(asked.key, log[asked.key]!), asked.operator, asked.number);
  }
}

function matches(key: string, text: string, value: Value): boolean {
  const [word = ''] = value.words;
  if (LONG_KEYS.includes(key)) return numberOf(key, text) === Number(word);
  return key === 'srcaddr' ? matchesAddress(text, word) : holds(text, value);
}

/** A column of integers holds what is written as one; other texts are there, and are no number. */
function numberOf(key: string, text: string): number {
  const form = LONG_KEYS.includes(key) ? /^(0|-?[1-9]\d*)$/ : /^[-\d.e]+$/;
  return form.test(text) ? Number(text) : Number.NaN;
}

function compares(left: number, operator: string, right: number): boolean {
  if (operator.startsWith('>')) return left > right || (operator === '>=' && left === right);
  if (operator.startsWith('<')) return left < right || (operator === '<=' && left === right);
  return left === right;
}

function matchesAddress(text: string, wanted: string): boolean {
  if (wanted.includes('*')) return wildcard(wanted).test(text);
  if (wanted === '-' || text === '-') return wanted === text;
  const [base = '', bits] = wanted.split('/');
  const [own, other] = [text, base].map((each) => (isIPv4(each) ? 'ipv4' : 'ipv6') as 'ipv4' | 'ipv6');
  if (own !== other || !(isIPv4(text) || isIPv6(text))) return false;
  const list = new BlockList();
  list.addSubnet(base, Number(bits ?? (own === 'ipv4' ? 32 : 128)), own);
  return list.check(text, own);
}

/** A phrase stands in one piece, the words of what is not quoted stand anywhere. */
function holds(text: string, { words, quoted }: Value): boolean {
  const tokens = text.split(/[@&?|#()='",;:<>[\]{}/ \n\t\r]+/);
  const isAt = (index: number, word: string) => index < tokens.length && wildcard(word).test(tokens[index]!);
  if (!quoted) return words.every((word) => tokens.some((_, index) => isAt(index, word)));
  return tokens.some((_, start) => words.every((word, offset) => isAt(start + offset, word)));
}

const wildcard = (word: string) =>
  new RegExp(
    `^${word
      .split('*')
      .map((piece) => piece.replaceAll(/[.^$\\+?()[\]{}|]/g, '\\$&'))
      .join('.*')}$`,
    'isu',
  );

let store: SearchedStore;
beforeAll(async () => {
  // A log has one key at least, and each is told by its time.
  const logs = LOGS.map((log, index) => ({ time: BASE_MS + index, contents: { n: `log${index}`, ...log } }));
  store = await SearchedStore.of({ flowlog: [{ logs: logs.slice(0, 30) }, { logs: logs.slice(30) }] });
});
afterAll(() => store.remove());

async function found(query: string, exclude = ''): Promise<readonly number[]> {
  const { json, rows } = await store.search(`${query} | select __TIMESTAMP__ order by 1`, { exclude });
  expect(json['errormessage'], query).toBeUndefined();
  return rows.map(([time]) => Number(time) - BASE_MS);
}

const expected = (asked: Condition) => LOGS.flatMap((log, index) => (finds(asked, log) ? [index] : []));

test('a condition finds the logs that it says, and excludes the same', async () => {
  await fc.assert(
    fc.asyncProperty(condition, fc.boolean(), async (asked, isExcluded) => {
      const text = written(asked);
      const logs = expected(asked);
      if (isExcluded)
        expect(await found('*', text), text).toEqual([...LOGS.keys()].filter((log) => !logs.includes(log)));
      else expect(await found(text), text).toEqual(logs);
    }),
    { numRuns: 150 },
  );
});

test('a condition finds the same logs where each is at hand', () => {
  fc.assert(
    fc.property(condition, (asked) => {
      const text = written(asked);
      const parsed = parseQuery(text);
      const matches = parsed instanceof QueryProblem ? parsed : matcherOf(parsed.condition);
      if (matches instanceof QueryProblem) throw new Error(`${text}: ${matches.message}`);
      const logs = LOGS.flatMap((log, index) => (matches(log) ? [index] : []));
      expect(logs, text).toEqual(expected(asked));
    }),
    { numRuns: 1000 },
  );
});

test.each(KEYS)('an empty value of %s is searched for, whatever its type', async (key) => {
  expect(await found(`${key}:""`)).toEqual(expected({ kind: 'empty', key }));
});
