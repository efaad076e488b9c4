import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url).pathname;
const page = readFileSync(`${ROOT}CONTRIBUTING.md`, 'utf8');

const git = (...words: string[]) => spawnSync('git', words, { cwd: ROOT, encoding: 'utf8' });
/** Neither a tarball nor a shallow clone. Without git there is no output. */
const isWhole = git('rev-parse', '--is-shallow-repository').stdout?.trim() === 'false';

test('the page for contributors names files that exist', () => {
  const paths = page.match(/(?:agent|bench|docs|logservice|proto|schema|scripts|test)\/[\w./-]*\w|\.ci\/\w+/g) ?? [];
  expect(paths.length).toBeGreaterThan(40);
  const places = paths.filter((path) => !path.includes('NAME'));
  expect(places.filter((path) => !existsSync(ROOT + path))).toEqual([]);
});

test('it names npm scripts that exist', () => {
  const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as { scripts: Record<string, string> };
  for (const [, name = ''] of page.matchAll(/npm run ([\w:]+)/g)) expect(scripts, name).toHaveProperty([name]);
});

test.skipIf(!isWhole)('its walks follow commits of this repository, under their subjects', () => {
  const walks = [...page.matchAll(/`([0-9a-f]{7})`\s+\*([^*]+)\*/g)];
  expect(walks.length).toBeGreaterThan(4);
  for (const [, hash = '', subject = ''] of walks)
    expect(git('log', '-1', '--format=%s', hash).stdout.trim(), hash).toBe(subject.replace(/\s+/g, ' '));
});
