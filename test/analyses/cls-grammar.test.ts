/** Each text of the catalogue, and each example of the pages about CLS, is in what CLS documents of its query language. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { COMPLETENESS_QUERY } from '../../agent/analysis/completeness.ts';
import { readCatalogue } from '../../analyses/catalogue.ts';
import { questionOf } from '../../analyses/question.ts';
import { readCls } from '../support/cls-grammar.ts';

const CATALOGUE = readCatalogue(resolve('analyses'));

test.each(CATALOGUE)('$name is a query of CLS', (analysis) => {
  readCls(questionOf(analysis, {}, 1_700_000_000));
  if (analysis.needsValue !== undefined) readCls(analysis.needsValue);
});

test('so is what asks for the ledgers', () => readCls(COMPLETENESS_QUERY));

/** Words of docs/logservice.md that it says CLS does not have. */
const OWN_WORDS: Readonly<Record<string, string>> = { time: 'cast(__TIMESTAMP__ as timestamp)' };

test('the examples of docs/logservice.md are, but for its own words', () => {
  const page = readFileSync(resolve('docs/logservice.md'), 'utf8');
  const examples = page.split('\n').filter((line) => /^ {4}.*\|\s*select/.test(line));
  expect(examples.length).toBeGreaterThan(3);
  for (const [word, meaning] of Object.entries(OWN_WORDS)) expect(page).toContain(`\`${word}\` is \`${meaning}\``);
  for (const example of examples) readCls(example.trim());
});

describe('what CLS does not document is refused', () => {
  test.each([
    ['WITH', '* | with a as (select count(*) as n) select n from a', /expected select/],
    ['JOIN', '* | select count(*) from log join log', /the end of the query/],
    ['FILTER', '* | select count(*) filter (where bytes > 1)', /the end of the query/],
    ['GROUP BY ALL', '* | select srcaddr, count(*) group by all', /a name/],
    ['integer division', '* | select bytes // 8', /not documented/],
    ['casts with colons', '* | select bytes::double', /not documented/],
    ['an unknown function', '* | select median(bytes)', /the function median/],
    ['too many arguments', '* | select split_part(srcaddr, 1)', /split_part takes 3 to 3/],
    ['a type of another database', '* | select cast(bytes as hugeint)', /a type that CAST takes/],
    ['another table', '* | select count(*) from flows', /expected \(/],
    ['a table function', '* | select n from range(5)', /expected \(/],
    ['an inner SELECT without parentheses', '* | select n from select count(*) as n', /expected \(/],
    ['an inner SELECT that is not closed', '* | select n from (select count(*) as n', /expected \)/],
    ['two statements', '* | select 1; select 2', /not documented/],
    ['a lambda', '* | select x -> y', /the end of the query|expected|a name/],
    ['a word of SQL as a name', '* | select end', /a name/],
    ['a prefix of a network', 'srcaddr:10.0.0.0/8', /not documented/],
    ['a wildcard in front', 'srcaddr:*.5', /not documented/],
    ['a key without a value', 'srcaddr: AND dstport:80', /a value/],
    ['a parenthesis that is not closed', '(dstport:80', /expected \)/],
  ])('%s', (_, query, reason) => {
    expect(() => readCls(query)).toThrow(reason);
  });
});
