import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { column } from '../harness.ts';
import { SearchedStore } from '../searched-store.ts';
import { BASE_MS, LOGS } from './example-logs.ts';

let store: SearchedStore;
beforeAll(async () => {
  const logs = LOGS.map((contents, index) => ({ time: BASE_MS + index, contents }));
  const about = { contextFlow: 'FEED-1', source: 'host-1', filename: 'flows', tags: { Region: 'gz' } };
  store = await SearchedStore.of({
    flowlog: [{ ...about, logs }],
    other: [{ logs: [{ contents: { n: 'elsewhere', srcaddr: '10.0.0.1' } }] }],
  });
});
afterAll(() => store.remove());

/** Which logs a condition finds, oldest first. */
async function found(condition: string): Promise<string> {
  const result = await store.search(condition);
  if (result.status !== 200) return String(result.json['errormessage']);
  return column(result, 'other')
    .map((other) => (JSON.parse(String(other)) as { n: string }).n)
    .toReversed()
    .join('');
}

describe('a condition finds', () => {
  test.each([
    ['', 'abcdefg'],
    ['*', 'abcdefg'],
    ['srcaddr:10.0.0.1', 'a'],
    ['srcaddr:"10.0.0.1"', 'a'],
    ['srcaddr:10.0.*', 'ab'],
    ['srcaddr:10.*.0.1', 'ac'],
    ['srcaddr:10.0.0.0/8', 'abc'],
    ['srcaddr:10.0.5.5/16', 'ab'],
    ['srcaddr:10.0.0.0/24', 'ab'],
    ['srcaddr:10.0.0.0/15', 'abc'],
    ['srcaddr:1.0.0.0/8', ''],
    ['srcaddr:10.0.0.8/29', 'b'],
    ['srcaddr:0.0.0.0/0', 'abc'],
    ['srcaddr:::/0', 'd'],
    ['srcaddr:FE80:0:0::1', 'd'],
    ['srcaddr:fe80::/10', 'd'],
    ['dstaddr:ff02:*', 'd'],
    ['srcaddr:(10.0.0.1 OR fe80::1)', 'ad'],
    ['srcaddr:*', 'abcd'],
    ['NOT srcaddr:*', 'efg'],
    ['dstport:443', 'a'],
    ['NOT dstport:443', 'bcdefg'],
    ['dstport:(443 OR 80)', 'ab'],
    ['dstport>=443 AND dstport<5353', 'a'],
    ['bytes>1000', 'bc'],
    ['bytes = 400', 'd'],
    ['bytes<=1e3', 'ad'],
    ['protocol:17 AND NOT (srcaddr:fe80::1 OR bytes>5000)', 'c'],
    ['action:accept', 'acd'],
    ['action:acc*', 'acd'],
    ['action:ACC', ''],
    ['log-status:OK AND action:REJECT', 'b'],
    ['log-status:(OK AND NODATA)', ''],
    ['log-status:nodata', 'e'],
    ['srcport:*', 'abcdf'],
    ['message:reset', 'f'],
    ['message:rese', ''],
    ['message:"reset by peer"', 'f'],
    ['message:"peer reset"', ''],
    ['message:"broken pipe"', 'f'],
    ['message:"conn* reset"', 'f'],
    ['message:peer\\ reset', 'f'],
    ['message:10.0.0.1', 'f'],
    ['message:ärger', 'g'],
    ['message:100%_sure\\\\', 'g'],
    ['message:%', ''],
    ['empty:""', 'f'],
    ['empty:*', 'f'],
    ['score>1', 'f'],
    ['score:none', 'g'],
    ['10.0.0.1', 'af'],
    ['443', 'a'],
    ['"by peer"', 'f'],
    ['REJECT OR NODATA', 'be'],
    ['NOT ACCEPT', 'befg'],
    ['__SOURCE__:host-1', 'abcdefg'],
    ['__FILENAME__:other', ''],
    ['__PKGID__:FEED-1 AND __PKGLOGID__:2', 'c'],
    ['__TAG__.Region:gz AND n:a', 'a'],
    ['__TAG__.Region:sh', ''],
    [`__TIMESTAMP__>${BASE_MS + 4}`, 'fg'],
    ["x:y\\' AND n:a", ''],
    ['x:"y\' OR 1=1 --"', ''],
  ])('%s -> %s', async (condition, expected) => {
    expect(await found(condition)).toBe(expected);
  });

  test.each([
    ['dstport:http', 'numeric'],
    ['dstport:4*', 'numeric'],
    ['srcaddr:localhost', 'is no address'],
    ['srcaddr:10.0.0.0/99', 'is no address'],
    ['srcaddr>5', 'is an address'],
    ['bytes>many', 'is no number'],
    ['message:"::"', 'nothing but separators'],
    ["x:y' OR 1=1 --", 'is expected here'],
    ["x:'y' OR 1=1 --'", 'is expected here'],
  ])('%s is refused: %s', async (condition, words) => {
    expect(await found(condition)).toContain(words);
  });
});

describe('a query has limits', () => {
  const refusalOf = async (query: string) => String((await store.search(query)).json['errormessage']);

  test.each([
    ['256 values', (count: number) => Array(count).fill('n:a').join(' OR '), 256, 'a query has at most 256 values'],
    [
      '256 comparisons',
      (count: number) => Array(count).fill('bytes>0').join(' AND '),
      256,
      'a query has at most 256 values',
    ],
    [
      '64 parentheses within one another',
      (count: number) => `${'('.repeat(count)}n:a${')'.repeat(count)}`,
      64,
      'more than 64 parentheses are nested',
    ],
    ['12,288 characters', (count: number) => 'n:a'.padEnd(count), 12_288, 'the query is longer than 12288 characters'],
    [
      'eight subqueries within one another',
      (count: number) => `n:a | select ${'(select '.repeat(count)}1${')'.repeat(count)}`,
      8,
      'too many subqueries or lambdas stand within one another',
    ],
    [
      'eight lambdas within one another',
      (count: number) => `n:a | select ${'list_transform([1], lambda x: '.repeat(count)}1${')'.repeat(count)} as l`,
      8,
      'too many subqueries or lambdas stand within one another',
    ],
    [
      'two address_hex within one another',
      (count: number) => `n:a | select ${'address_hex('.repeat(count)}srcaddr${')'.repeat(count)}`,
      2,
      'too many subqueries or lambdas stand within one another',
    ],
  ])('%s: one more is refused', async (_what, query, most, sentence) => {
    expect((await store.search(query(most))).json['errormessage']).toBeUndefined();
    expect(await refusalOf(query(most + 1))).toContain(sentence);
  });

  test.each([
    ['* | select 1e999', 'The SQL after the bar is refused: a number in it is out of range.'],
    ['* | select 1; select 2', 'The SQL after the bar is refused: exactly one SELECT statement is taken.'],
    ['* | update logs set bytes = 0', 'The SQL after the bar is refused: exactly one SELECT statement is taken.'],
    ['dstport:4.5', "'4.5' is no integer of at most 15 digits, and dstport is numeric."],
    ['dstport:1234567890123456', "'1234567890123456' is no integer of at most 15 digits, and dstport is numeric."],
    ['srcaddr:host', "'host' is no address; write 10.0.0.1, a prefix 10.0.0.0/8, or 10.0.*."],
    ['srcaddr>5', 'srcaddr is an address; write srcaddr:5.'],
    ['bytes>many', "'many' is no number, and '>' compares numbers."],
    ['message=some', "'some' is no number, and '=' compares numbers; for text write message:some."],
    ['message:"a" AND message:"; ;"', "'; ;' holds nothing but separators, which are not searched."],
  ])('%s: %s', async (query, sentence) => {
    expect((await refusalOf(query)).replace(/^The query is not understood at character \d+ \('.*?'\): /, '')).toBe(
      sentence,
    );
  });
});
