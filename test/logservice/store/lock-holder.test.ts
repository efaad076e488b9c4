import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serviceOn } from '../../../logservice/store/lock-holder.ts';
import { removeFolder, temporaryFolder } from '../harness.ts';

/** Two file systems of their own, which number their files alike. */
let folder: string;
let places: readonly [string, string];
beforeEach(() => {
  folder = temporaryFolder();
  places = [join(folder, 'a'), join(folder, 'b')];
  if (process.getuid!() !== 0) return;
  for (const place of places) {
    mkdirSync(place);
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', place]);
  }
});
afterEach(() => {
  if (process.getuid!() === 0) for (const place of places) execFileSync('umount', [place]);
  removeFolder(folder);
});

const HOLD = `require('@duckdb/node-api').DuckDBInstance.create(process.argv[1]).then(() => {
  process.stdout.write('held'); setInterval(() => undefined, 1000); })`;

/** With the number of another file, in another place. */
function likeNumbered(place: string, inode: number): string {
  for (let count = 0; count < 1000; count++) {
    const path = join(place, `file-${count}`);
    writeFileSync(path, '');
    if (statSync(path).ino === inode) return path;
  }
  throw new Error(`no file in ${place} has the number ${inode}`);
}

test.skipIf(process.getuid!() !== 0)('a lock is of one file, whatever has its number elsewhere', async () => {
  const path = join(places[0], 'logs.duckdb');
  const holder = spawn(process.execPath, ['-e', HOLD, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(holder.stdout, 'data');
    const { ino } = statSync(path);
    expect(serviceOn(path)).toBe(holder.pid);
    linkSync(path, join(places[0], 'another-name'));
    expect(serviceOn(join(places[0], 'another-name'))).toBe(holder.pid);
    expect(serviceOn(likeNumbered(places[1], ino))).toBeUndefined();
  } finally {
    holder.kill('SIGKILL');
    await once(holder, 'exit');
  }
  expect(serviceOn(path)).toBeUndefined();
});
