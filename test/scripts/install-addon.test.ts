import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

const BUILT = 'agent/native/build/Release/capture.node';

/** A folder as npm unpacks it, with this addon: the built one, or something else. */
function unpacked(addon: 'built' | 'foreign'): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'scripts'));
  mkdirSync(join(folder, BUILT, '..'), { recursive: true });
  cpSync('scripts/install-addon.mjs', join(folder, 'scripts/install-addon.mjs'));
  if (addon === 'built') cpSync(BUILT, join(folder, BUILT));
  else writeFileSync(join(folder, BUILT), 'of another machine');
  return folder;
}

/** @param path the PATH */
function install(folder: string, path: string) {
  return spawnSync(process.execPath, ['scripts/install-addon.mjs'], {
    cwd: folder,
    env: { PATH: path },
    encoding: 'utf8',
  });
}

describe('installing the npm package', () => {
  test('builds nothing where the addon that came along loads', () => {
    const folder = unpacked('built');
    expect(install(folder, '/nonexistent')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(existsSync(join(folder, BUILT))).toBe(true);
  });

  test('says in a sentence what is missing to build it', () => {
    const { status, stderr } = install(unpacked('foreign'), '/nonexistent');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^flowlogd: .*needs make g\+\+ python3 libpcap-dev .*Run: apt-get install .*\n$/);
  });

  test('builds with the node-gyp of npm where it does not load, and passes its failure on', () => {
    const folder = unpacked('foreign');
    const tools = join(folder, 'tools');
    mkdirSync(tools);
    for (const tool of ['make', 'c++', 'python3', 'cc']) symlinkSync('/bin/true', join(tools, tool));
    const gyp = (exitCode: number) =>
      writeFileSync(join(tools, 'node-gyp'), `#!/bin/sh\necho "$@"\nexit ${exitCode}\n`, { mode: 0o755 });
    gyp(0);
    expect(install(folder, tools)).toMatchObject({
      status: 0,
      stdout: `rebuild --directory ${folder}/agent/native --silent\n`,
    });
    gyp(1);
    expect(install(folder, tools)).toMatchObject({ status: 1, stderr: expect.stringContaining('failed, see above') });
  });
});
