/**
 * Has the kept windows (window-keeper.ts) on the disk from time to time, which bounds what a power cut takes: what was
 * counted since the last time that this came through, and the gap of the next start says from when that is. A kill alone
 * takes nothing of it: the pages are the kernel's.
 *
 * The file system's threads do the waiting, never the data plane.
 */
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { PRESENCE_SUFFIX, SYNCED_AT, UNTIL_AT } from './presence.ts';
import { parseFileName } from './window-file.ts';

/** @throws what the file system throws, except for files that go meanwhile */
export async function syncTables(folder: string): Promise<void> {
  const names = await readdir(folder);
  // Read before anything is synced: what was counted by then is on the disk afterwards.
  const observed = new Map<string, Uint8Array>();
  for (const name of names.filter((each) => each.endsWith(PRESENCE_SUFFIX))) {
    await withFile(`${folder}/${name}`, 'r', async (file) => {
      const { buffer } = await file.read(new Uint8Array(8), 0, 8, UNTIL_AT);
      observed.set(name, buffer);
    });
  }
  for (const name of await readdir(folder)) {
    if (parseFileName(name) !== undefined) await withFile(`${folder}/${name}`, 'r', (file) => file.datasync());
  }
  await withFile(folder, 'r', (file) => file.sync());
  for (const [name, until] of observed) {
    await withFile(`${folder}/${name}`, 'r+', async (file) => {
      await file.write(until, 0, until.length, SYNCED_AT);
      await file.datasync();
    });
  }
}

async function withFile(path: string, mode: string, use: (file: FileHandle) => Promise<void>): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(path, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
