import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { commandMissing } from '../support/network-namespace.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const missing = commandMissing('git');
if (missing !== undefined) process.stderr.write(`release: ${missing}\n`);

/** A clone with the script as it is, and in place of what it calls, programs that write down their call and leave a file. */
describe.skipIf(missing !== undefined)('the release script', () => {
  let clone: string;
  let calls: string;

  beforeEach(() => {
    const folder = temporaryFolder();
    clone = join(folder, 'clone');
    calls = join(folder, 'calls');
    for (const path of ['bin', 'clone/scripts', 'clone/.ci']) mkdirSync(join(folder, path), { recursive: true });
    copyFileSync('scripts/release.sh', join(clone, 'scripts/release.sh'));
    write('.gitignore', 'build/\n');
    write('package.json', '{ "version": "1.2.3" }');
    write('package-lock.json', '{ "version": "1.2.3", "packages": { "": { "version": "1.2.3" } } }');
    write('CHANGELOG.md', '# Changelog\n\n## 1.2.3 (2026-11-30)\n\n- New.\n\n## 1.2.2\n');
    write('scripts/setup.sh', '');
    write('scripts/build-deb.sh', `echo deb >>${calls}; echo deb >build/flowlogd_1.2.3_amd64.deb`);
    write('.ci/run', `echo ci >>${calls}; [ ! -e failing ]`);
    program('npm', `echo npm >>${calls}; for last; do :; done; echo tarball >$last/flowlogd-1.2.3.tgz`);
    program('dpkg', 'echo amd64');
    program('dpkg-shlibdeps', 'exit 0');
    program('docker', `case $1 in save) echo docker >>${calls}; echo images >$3 ;; esac`);
    git('init', '--quiet', '--initial-branch=main');
    commit();
  });

  function write(path: string, text: string): void {
    writeFileSync(join(clone, path), text);
  }

  function program(name: string, body: string): void {
    const path = join(clone, '../bin', name);
    writeFileSync(path, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
  }

  const who = { GIT_AUTHOR_NAME: 'T', GIT_AUTHOR_EMAIL: 't@t', GIT_COMMITTER_NAME: 'T', GIT_COMMITTER_EMAIL: 't@t' };

  function git(...words: string[]): string {
    const { stdout, stderr, status } = spawnSync('git', words, {
      cwd: clone,
      encoding: 'utf8',
      env: { ...process.env, ...who },
    });
    expect(status, stderr).toBe(0);
    return stdout.trim();
  }

  function commit(): void {
    git('add', '--all');
    git('commit', '--quiet', '--message', 'One');
  }

  function release(...words: string[]) {
    const env = { ...process.env, ...who, PATH: `${join(clone, '../bin')}${delimiter}${process.env['PATH']}` };
    return spawnSync('sh', ['scripts/release.sh', ...words], { cwd: clone, encoding: 'utf8', env });
  }

  const made = (): string[] => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []);
  const files = (): string[] => readdirSync(join(clone, 'build/release/1.2.3')).toSorted();

  test('says in a dry run what it would do, and does nothing', () => {
    const { status, stdout, stderr } = release('1.2.3', '--dry-run');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    for (const name of ['.ci-passed', 'flowlogd-1.2.3.tgz', 'flowlogd_1.2.3_amd64.deb', 'flowlogd-1.2.3-images-'])
      expect(stdout).toContain(`would make build/release/1.2.3/${name}`);
    expect(stdout).toContain('tag v1.2.3: would tag ');
    expect(existsSync(join(clone, 'build'))).toBe(false);
    expect(made()).toEqual([]);
    expect(git('tag')).toBe('');
  });

  test('makes every file, their checksums and the tag, once', () => {
    const { status, stderr } = release('1.2.3');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(made()).toEqual(['ci', 'npm', 'deb', 'docker']);
    expect(files().filter((name) => !name.startsWith('.'))).toEqual([
      'SHA256SUMS',
      'ci.log',
      `flowlogd-1.2.3-images-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.tar`,
      'flowlogd-1.2.3.tgz',
      'flowlogd_1.2.3_amd64.deb',
    ]);
    const sums = spawnSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], {
      cwd: join(clone, 'build/release/1.2.3'),
      encoding: 'utf8',
    });
    expect(sums.stdout.match(/: OK$/gm)).toHaveLength(3);
    expect(git('rev-parse', 'v1.2.3^{commit}')).toBe(git('rev-parse', 'HEAD'));

    const again = release('1.2.3');
    expect(again.status).toBe(0);
    expect(again.stdout.match(/: done before$/gm)).toHaveLength(5);
    expect(made()).toHaveLength(4);
  });

  test('goes on after a failure where it ended', () => {
    program('npm', 'exit 1');
    expect(release('1.2.3')).toMatchObject({ status: 70, stderr: 'release: npm pack failed, see above\n' });
    expect(git('tag')).toBe('');
    program('npm', 'for last; do :; done; echo tarball >$last/flowlogd-1.2.3.tgz');
    expect(release('1.2.3').status).toBe(0);
    expect(made()).toEqual(['ci', 'deb', 'docker']);
  });

  test('makes all anew of another commit', () => {
    expect(release('1.2.3', '--skip-ci').status).toBe(0);
    git('tag', '--delete', 'v1.2.3');
    write('more', '');
    commit();
    expect(release('1.2.3', '--skip-ci', '--dry-run').stdout).not.toContain('done before');
    expect(release('1.2.3', '--skip-ci').status).toBe(0);
    expect(made()).toEqual(['npm', 'deb', 'docker', 'npm', 'deb', 'docker']);
  });

  test('ends without a tag when the checks fail', () => {
    write('failing', '');
    commit();
    expect(release('1.2.3')).toMatchObject({ status: 70, stderr: expect.stringContaining('the checks failed') });
    expect(made()).toEqual(['ci']);
    expect(git('tag')).toBe('');
  });

  test('skips the images where no engine answers', () => {
    program('docker', 'exit 1');
    const { status, stdout } = release('1.2.3', '--skip-ci');
    expect(status).toBe(0);
    expect(stdout).toContain('container images: skipped, no Docker engine answers here');
    expect(readFileSync(join(clone, 'build/release/1.2.3/SHA256SUMS'), 'utf8').trim().split('\n')).toHaveLength(2);
  });

  test.each<[string, () => void, RegExp]>([
    ['another branch', () => git('switch', '--quiet', '--create', 'work'), /from the branch main, and this is 'work'/],
    ['uncommitted changes', () => write('more', ''), /the clone has uncommitted changes/],
    [
      'another version in the lock file',
      () => {
        write('package-lock.json', '{ "version": "1.2.3", "packages": { "": { "version": "1.2.2" } } }');
        commit();
      },
      /have version 1\.2\.3 and 1\.2\.2\. Run: npm version --no-git-tag-version 1\.2\.3/,
    ],
    [
      'an unreleased section',
      () => {
        write('CHANGELOG.md', '# Changelog\n\n## 1.2.3 (unreleased)\n');
        commit();
      },
      /begins with '## 1\.2\.3 \(unreleased\)'\. Date the section, and commit: ## 1\.2\.3 \(\d{4}-\d\d-\d\d\)/,
    ],
    [
      'a tag elsewhere',
      () => {
        git('tag', 'v1.2.3');
        appendFileSync(join(clone, 'CHANGELOG.md'), '\n');
        commit();
      },
      /the tag v1\.2\.3 is on another commit/,
    ],
  ])('refuses %s, and makes nothing', (_what, spoil, sentence) => {
    spoil();
    expect(release('1.2.3', '--skip-ci')).toMatchObject({ status: 78, stderr: expect.stringMatching(sentence) });
    expect(existsSync(join(clone, 'build'))).toBe(false);
  });

  test.each([[[]], [['1.2']], [['v1.2.3']], [['1.2.3', '--force']]])('refuses the words %j', (words) => {
    expect(release(...words).status).toBe(64);
  });
});
