import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('the changelog has a section for each version, the newest first, and the first is that of the package', () => {
  const versions = [...read('CHANGELOG.md').matchAll(/^## (\S+)(?: \((?:unreleased|\d{4}-\d{2}-\d{2})\))?$/gm)].map(
    ([, version = '']) => version,
  );
  expect(read('CHANGELOG.md').match(/^## /gm)).toHaveLength(versions.length);
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(versions[0]).toBe(version);
  const sorted = versions.toSorted((left, right) => right.localeCompare(left, 'en', { numeric: true }));
  expect(versions).toEqual(sorted);
});

test('the lock file is of the same version', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  const lock = JSON.parse(read('package-lock.json')) as { version: string; packages: { '': { version: string } } };
  expect([lock.version, lock.packages[''].version]).toEqual([version, version]);
});
