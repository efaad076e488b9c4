import { chownSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openTableDirectory } from '../../../agent/daemon/table-directory.ts';
import { pointKey } from '../../../agent/meter/window-file.ts';
import { POINT } from '../../support/closed-windows.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const isRoot = process.geteuid!() === 0;
if (!isRoot) process.stderr.write('table-directory: a test is skipped, it must be root to give a folder away\n');

const lines: string[] = [];
const say = (message: string) => void lines.push(message);
const LOG = { error: say, warn: say, info: say, debug: say };

test('a run knows of its own points since when they are not observed, and forgets those of others', () => {
  const stateDirectory = temporaryFolder();
  const run = { stateDirectory, hostId: 'host-1', runId: 'run1', points: [POINT] };
  const { persist, close } = openTableDirectory(run, LOG);
  close();
  const folder = join(stateDirectory, 'tables');
  expect(persist).toMatchObject({
    folder,
    hostId: 'host-1',
    runId: 'run1',
    bootId: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  const own = `${pointKey(POINT)}.seen`;
  for (const name of [own, '0123456789abcdef.seen', 'stranger']) writeFileSync(join(folder, name), '');
  openTableDirectory(run, LOG).close();
  expect(readdirSync(folder).sort()).toEqual([own, 'stranger'].sort());
});

test('a folder that cannot be made is said, and used all the same once it can', () => {
  const stateDirectory = temporaryFolder();
  writeFileSync(join(stateDirectory, 'tables'), 'a file');
  const { persist, close } = openTableDirectory({ stateDirectory, hostId: 'h', runId: 'r', points: [] }, LOG);
  close();
  expect(persist.folder).toBe(join(stateDirectory, 'tables'));
  expect(lines.at(-1)).toMatch(/retrying/);
});

test('windows are in memory, in a folder that is this state directory’s alone, or else on disk', () => {
  const tableDirectory = join(temporaryFolder(), 'memory');
  const run = { tableDirectory, hostId: 'h', runId: 'r', points: [] };
  const folders = [1, 2].map(() => {
    const stateDirectory = temporaryFolder();
    const { persist, folders: places, close } = openTableDirectory({ ...run, stateDirectory }, LOG);
    close();
    expect(places).toEqual([persist.folder, join(stateDirectory, 'tables')]);
    expect(persist.copyFolder).toBe(places[1]);
    return persist.folder;
  });
  expect(new Set(folders).size).toBe(2);
  for (const folder of folders) expect(folder).toMatch(/\/memory\/[0-9a-f]+-[0-9a-f]+$/);

  const stateDirectory = temporaryFolder();
  const file = join(stateDirectory, 'file');
  writeFileSync(file, '');
  const { persist, close } = openTableDirectory({ ...run, stateDirectory, tableDirectory: file }, LOG);
  close();
  expect(persist).toMatchObject({ folder: join(stateDirectory, 'tables') });
  expect(lines.at(-1)).toMatch(/table\.directory unusable/);
});

test.skipIf(!isRoot)('a directory of tables that is another user’s is not used', () => {
  const [stateDirectory, tableDirectory] = [temporaryFolder(), temporaryFolder()];
  chownSync(tableDirectory, 12_345, 12_345);
  const run = { stateDirectory, tableDirectory, hostId: 'h', runId: 'r', points: [] };
  const { persist, close } = openTableDirectory(run, LOG);
  close();
  expect(persist.folder).toBe(join(stateDirectory, 'tables'));
  expect(lines.at(-1)).toMatch(/table\.directory unusable/);
});
