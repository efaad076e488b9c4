import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { programProblem, startProgram } from '../../../agent/debug/traced-program.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** A folder with a program, a file that is none, and a folder in it. */
function folderWithPrograms(): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'runs'), '#!/bin/sh\n');
  chmodSync(join(folder, 'runs'), 0o755);
  writeFileSync(join(folder, 'text'), 'no program', { mode: 0o644 });
  mkdirSync(join(folder, 'folder'));
  symlinkSync('nowhere', join(folder, 'broken'));
  return folder;
}

const notFound = (name: string) => ({
  ...{ exitCode: 127, problem: `Starting '${name}' failed: no such program. Check its name and PATH.` },
});
const notExecutable = (name: string) => ({
  ...{ exitCode: 126, problem: `Starting '${name}' failed: it is not executable.` },
});

describe('the name of a program', () => {
  test('is looked for in the path, folder by folder', () => {
    const folder = folderWithPrograms();
    expect(programProblem('runs', `/nowhere:${folder}`)).toBeUndefined();
    expect(programProblem('missing', `/nowhere:${folder}`)).toEqual(notFound('missing'));
    expect(programProblem('text', `/nowhere:${folder}`)).toEqual(notExecutable('text'));
    expect(programProblem('folder', `/nowhere:${folder}`)).toEqual(notExecutable('folder'));
    expect(programProblem('broken', `/nowhere:${folder}`)).toEqual(notFound('broken'));
  });

  test('is found behind one of the same name that cannot be executed', () => {
    const [first, second] = [folderWithPrograms(), folderWithPrograms()];
    chmodSync(join(first, 'runs'), 0o644);
    expect(programProblem('runs', `${first}:${second}`)).toBeUndefined();
    expect(programProblem('runs', first)).toEqual(notExecutable('runs'));
  });

  test('is a path where there is a slash in it, whatever the path of programs is', () => {
    const folder = folderWithPrograms();
    expect(programProblem(join(folder, 'runs'), '')).toBeUndefined();
    expect(programProblem(join(folder, 'missing'), folder)).toEqual(notFound(join(folder, 'missing')));
    expect(programProblem(join(folder, 'text'), folder)).toEqual(notExecutable(join(folder, 'text')));
    expect(programProblem(join(folder, 'text', 'x'), folder)).toMatchObject({ exitCode: 126 });
  });

  test('is none where it is empty, and left to the kernel where there is no path of programs', () => {
    expect(programProblem('', folderWithPrograms())).toEqual(notFound(''));
    expect(programProblem('anything', undefined)).toBeUndefined();
  });
});

describe('a program', () => {
  test.each([
    ['true', [], 0],
    ['sh', ['-c', 'exit 3'], 3],
    ['sh', ['-c', 'kill -TERM $$'], 128 + 15],
    ['sh', ['-c', 'kill -KILL $$'], 128 + 9],
  ])('%s %j ends as a shell would say it', async (name, words, exitCode) => {
    const program = startProgram([name, ...words], false);
    expect(await program.failed).toBeUndefined();
    expect(await program.ended).toEqual({ exitCode, problem: undefined });
  });

  test('that cannot be started says why, and did not run', async () => {
    for (const words of [['/nowhere/program'], ['']]) {
      const program = startProgram(words, false);
      expect(await program.failed).toEqual(notFound(words[0]!));
      expect(await program.ended).toEqual(notFound(words[0]!));
      program.stop();
    }
    const folder = folderWithPrograms();
    expect(await startProgram([join(folder, 'text')], false).ended).toEqual(notExecutable(join(folder, 'text')));
  });

  test('whose words the system does not take says so', async () => {
    const problem = (await startProgram(['true', 'a\0b'], false).failed)?.problem;
    expect(problem).toMatch(/^Starting 'true' failed: .*null bytes/);
  });

  test('is asked to end', async () => {
    const program = startProgram(['sleep', '60'], false);
    await program.failed;
    program.stop();
    expect(await program.ended).toEqual({ exitCode: 128 + 15, problem: undefined });
  });
});
