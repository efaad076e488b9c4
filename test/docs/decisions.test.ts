import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const FOLDER = new URL('../../docs/decisions/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');
const records = readdirSync(FOLDER).filter((name) => name !== 'README.md' && name !== 'dependencies.md');

test('the index lists each decision once, under its date and title', () => {
  const listed = [...read('README.md').matchAll(/^\| (\S+) \| \[(.*)\]\((\S+)\) \|$/gm)];
  const expected = records.map((name) => [name.slice(0, 10), read(name).match(/^# (.*)$/m)?.[1], name].join(' '));
  expect(listed.map(([, date, title, name]) => [date, title, name].join(' ')).toSorted()).toEqual(expected.toSorted());
});

describe.each(records)('the decision %s', (name) => {
  test('is named after its day and its subject', () => {
    expect(name).toMatch(/^\d{4}-\d{2}-\d{2}-[a-z0-9]+(?:-[a-z0-9]+)*\.md$/);
    expect(Date.parse(name.slice(0, 10))).not.toBeNaN();
  });

  test('states its context, itself, its alternatives and its consequences', () => {
    const [, ...sections] = read(name).split(/^## /m);
    expect(sections.map((section) => section.slice(0, section.indexOf('\n')))).toEqual([
      'Context',
      'Decision',
      'Alternatives',
      'Consequences',
    ]);
    for (const section of sections) expect(section.trim().split('\n').length).toBeGreaterThan(2);
  });
});
