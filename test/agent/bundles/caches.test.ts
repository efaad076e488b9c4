import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const FOLDER = resolve('dist/agent/bundles');

test('the code that is shipped beside the bundles does not name the folder in which it was made', () => {
  const caches = readdirSync(FOLDER).filter((name) => name.endsWith('.cache'));
  expect(caches.length).toBeGreaterThan(3);
  expect(caches.filter((name) => readFileSync(join(FOLDER, name)).includes(process.cwd()))).toEqual([]);
});
