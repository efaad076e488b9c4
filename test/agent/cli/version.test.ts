import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readVersion } from '../../../agent/cli/version.ts';

test('the version is that of the package, and read once', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(readVersion()).toBe(version);
  const folder = process.cwd();
  process.chdir('/');
  try {
    expect(readVersion()).toBe(version);
  } finally {
    process.chdir(folder);
  }
});
