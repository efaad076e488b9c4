import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import rooms from '../../scripts/mutation/rooms.json' with { type: 'json' };

/** Whether a path exists, or, where it ends in a pattern, a file that it matches. */
function matches(path: string): boolean {
  const [, end] = /\/\*([\w.]+)$/.exec(path) ?? [];
  return end === undefined ? existsSync(path) : readdirSync(dirname(path)).some((name) => name.endsWith(end));
}

describe('the mutation tests', () => {
  test.each(Object.entries(rooms))('of %s name files and tests that exist', (_room, { mutate, tests }) => {
    expect([...mutate, ...tests].filter((path) => !matches(path))).toEqual([]);
  });

  test('cover each room that the layers call pure, from the packet to the record', () => {
    const pure = [...readFileSync('biome.json', 'utf8').matchAll(/"message": "(\w+) is pure:/g)].map(
      ([, room]) => room,
    );
    // The pages of two commands: people read them, not programs.
    const covered = pure.filter((room) => room !== 'explain' && room !== 'report');
    expect(covered.length).toBeGreaterThan(3);
    expect(Object.keys(rooms)).toEqual(expect.arrayContaining(covered));
  });

  test('refuse a room that does not exist', () => {
    const { status, stderr } = spawnSync('sh', ['scripts/mutation.sh', 'gaps', 'cellar'], { encoding: 'utf8' });
    expect(status).toBe(64);
    expect(stderr).toBe(`mutation: unknown room 'cellar', expected one of: ${Object.keys(rooms).join(' ')}\n`);
  });
});
