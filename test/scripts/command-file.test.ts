/** `npx flowlogd` in a clone, before and after the first build, with the real npm and a cache of its own. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

const { name, version, bin, type } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly name: string;
  readonly version: string;
  readonly bin: { readonly flowlogd: string };
  readonly type: string;
};

/** A clone with nothing but what names its command. */
function clone(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, dirname(bin.flowlogd)), { recursive: true });
  copyFileSync(bin.flowlogd, join(folder, bin.flowlogd));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version, bin, type }));
  return folder;
}

function npx(folder: string, cache: string, ...words: readonly string[]) {
  const env = { ...process.env, npm_config_cache: cache, npm_config_update_notifier: 'false' };
  const { status, stdout, stderr } = spawnSync('npx', ['--offline', '--yes', 'flowlogd', ...words], {
    ...{ cwd: folder, env, encoding: 'utf8' as const },
  });
  return { status, stdout, stderr };
}

test('the command is a file of the repository that may be run', () => {
  accessSync(bin.flowlogd, constants.X_OK);
  expect(bin.flowlogd).not.toMatch(/^dist\//);
});

test('npx flowlogd before the first build says how to build it, and runs it once it is built', {
  timeout: 120_000,
}, () => {
  const [folder, cache] = [clone(), temporaryFolder()];
  const before = npx(folder, cache, 'status');
  expect(before.stderr).toContain('flowlogd: not built yet. In ');
  expect(before.stderr).toContain('run npm run setup, which builds it, or npm start, which also runs it.');
  expect(before.status).toBe(69);
  mkdirSync(join(folder, 'dist/agent'), { recursive: true });
  const program = `process.stdout.write(process.argv.slice(2).join(' '));\nprocess.exitCode = 3;\n`;
  writeFileSync(join(folder, 'dist/agent/main.js'), program);
  expect(npx(folder, cache, 'status', '--json')).toMatchObject({ status: 3, stdout: 'status --json' });
});
