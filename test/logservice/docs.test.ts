import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { logservice } from '../../agent/commands/logservice.ts';
import { STATUS_OF } from '../../logservice/model/refusal.ts';
import { parseOptions, USAGE } from '../../logservice/options.ts';
import { CLS_FUNCTIONS } from '../../logservice/query/cls-functions.ts';
import { AGGREGATES, SCALAR_FUNCTIONS, WINDOW_FUNCTIONS } from '../../logservice/query/sql-functions.ts';
import { PACKAGES_REMEMBERED_MAX } from '../../logservice/store/retention.ts';

const docs = readFileSync(new URL('../../docs/logservice.md', import.meta.url), 'utf8');

test('the page lists every error code beside its status, and no other', () => {
  const listed = [...docs.matchAll(/^\| (\d{3}) \| (.*) \|$/gm)].flatMap(([, status, text]) =>
    [...(text ?? '').matchAll(/`([A-Z][A-Za-z.]+)`/g)].map(([, code]) => `${status} ${code}`),
  );
  const codes = Object.entries(STATUS_OF).map(([code, status]) => `${status} ${code}`);
  expect(listed.toSorted()).toEqual(codes.toSorted());
});

test('the page says how many batches are remembered', () => {
  expect(docs).toContain(PACKAGES_REMEMBERED_MAX.toLocaleString('en-US'));
});

test('the page lists every function that SQL may call, and no other', () => {
  const groups = {
    aggregates: AGGREGATES,
    'with OVER': WINDOW_FUNCTIONS,
    ...SCALAR_FUNCTIONS,
    'names in CLS': CLS_FUNCTIONS,
  };
  const rows = Object.entries(groups).map(
    ([group, names]) => `| ${group} | ${names.map((name) => `\`${name}\``).join(' ')} |`,
  );
  const [, section = ''] = docs.split('### Functions\n');
  expect(
    section
      .split('\n## ', 1)[0]!
      .split('\n')
      .filter((line) => /^\| \w/.test(line)),
  ).toEqual(rows);
});

test('the command passes on every option of the process that is for people, with the same default', () => {
  const own = [...USAGE.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, name]) => name);
  const forPeople = own.filter((name) => !['help', 'log-findings', 'search', 'until-stdin-ends'].includes(name!));
  expect(logservice.options.map(({ name }) => name)).toEqual(forPeople);
  const given = logservice.options.flatMap(({ name, default: value }) =>
    value === undefined ? [] : [`--${name}=${value}`],
  );
  expect(parseOptions(given)).toEqual(parseOptions([]));
});
