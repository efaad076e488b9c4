import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import rooms from '../../scripts/mutation/rooms.json' with { type: 'json' };
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROOMS = Object.keys(rooms).join(' ');

/** The files that a path names: itself, or, where it ends in a pattern, those that match it. */
function filesOf(path: string): readonly string[] {
  const [, end] = /\/\*([\w.]+)$/.exec(path) ?? [];
  if (end === undefined) return existsSync(path) ? [path] : [];
  const folder = dirname(path);
  return readdirSync(folder)
    .filter((name) => name.endsWith(end))
    .map((name) => join(folder, name));
}

describe('the mutation tests', () => {
  test.each(Object.entries(rooms))('of %s name files and tests that exist', (_room, { mutate, tests }) => {
    expect([...mutate, ...tests].filter((path) => filesOf(path).length === 0)).toEqual([]);
  });

  test('cover each room that the layers call pure', () => {
    const pure = [...readFileSync('biome.json', 'utf8').matchAll(/"message": "([\w-]+) is pure\b/g)].map(
      ([, room]) => room,
    );
    expect(pure.length).toBeGreaterThan(8);
    expect(Object.keys(rooms)).toEqual(expect.arrayContaining(pure));
  });

  /** Run by root, a mutant of it would do so with files of the host: one has removed /dev/full. */
  test('mutate nothing that removes, renames or hands over files', () => {
    const files = Object.values(rooms).flatMap(({ mutate }) => mutate.flatMap(filesOf));
    expect(files.length).toBeGreaterThan(150);
    const acting = /\b(?:unlink|rm|rmdir|rename|truncate|l?chown|chmod)Sync\(/;
    expect(files.filter((file) => acting.test(readFileSync(file, 'utf8')))).toEqual([]);
  });

  test.each<[string, readonly string[], Readonly<Record<string, string>>, string]>([
    ['a room that does not exist', ['gaps', 'cellar'], {}, `unknown room 'cellar', expected one of: ${ROOMS}`],
    ['files of no room', [], { MUTATION_FILES: 'agent/main.ts' }, 'MUTATION_FILES requires the name of one room'],
    [
      'files of two rooms',
      ['gaps', 'flow'],
      { MUTATION_FILES: 'agent/main.ts' },
      'MUTATION_FILES requires the name of one room',
    ],
    [
      'a file that does not exist',
      ['flow'],
      { MUTATION_FILES: 'agent/flow/hash.ts agent/flow/cellar.ts' },
      "MUTATION_FILES names 'agent/flow/cellar.ts', which does not exist",
    ],
    ...['0', '-1', '1.5', 'long', '08'].map(
      (text): [string, readonly string[], Readonly<Record<string, string>>, string] => [
        `a time limit of ${text}`,
        ['gaps'],
        { MUTATION_SECONDS: text },
        `invalid MUTATION_SECONDS '${text}': expected a number of seconds`,
      ],
    ),
  ])('refuse %s', (_, words, environment, sentence) => {
    const env = { ...process.env, ...environment };
    const { status, stderr } = spawnSync('sh', ['scripts/mutation.sh', ...words], { encoding: 'utf8', env });
    expect([status, stderr]).toEqual([64, `mutation: ${sentence}\n`]);
  });

  test.each<[string, Readonly<Record<string, number>>, number, string]>([
    [
      'is at least the minimum',
      { Killed: 80, Timeout: 5, Survived: 15 },
      0,
      '85.0 %  80 of 100 killed, 5 timed out, 15 survived, 0 in no test',
    ],
    [
      'is below it',
      { Killed: 84, Survived: 15, NoCoverage: 1, Ignored: 50 },
      1,
      '84.0 %  84 of 100 killed, 0 timed out, 15 survived, 1 in no test',
    ],
  ])('have a score that %s, and name those apart that timed out', (_, statuses, expected, sentence) => {
    const folder = temporaryFolder();
    const mutants = Object.entries(statuses).flatMap(([status, count]) => Array<object>(count).fill({ status }));
    mkdirSync(join(folder, 'dist/mutation'), { recursive: true });
    writeFileSync(join(folder, 'dist/mutation/attic.json'), JSON.stringify({ files: { 'a.ts': { mutants } } }));
    const words = [resolve('scripts/mutation/score.mjs'), 'attic', '85'];
    const { status, stdout } = spawnSync(process.execPath, words, { encoding: 'utf8', cwd: folder });
    expect([status, stdout]).toEqual([expected, `mutation: attic         ${sentence}\n`]);
  });
});
