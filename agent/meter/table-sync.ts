/**
 * Has the kept windows (window-journal.ts) on the disk from time to time, which bounds what a power cut takes: what was
 * counted since the last time that this came through, and the gap of the next start says from when that is. A kill alone
 * takes nothing of it: the pages are the kernel's.
 *
 * Files on a disk are synced where they are. Where the folder is memory its files are copied to a folder on disk, as NAME.copy;
 * a copy goes when what it was copied from does, and after a reboot it is all that is left (`restoreCopies`).
 *
 * The file system's threads do the waiting, never the data plane.
 */
import { copyFileSync, existsSync, readdirSync, renameSync, unlinkSync } from 'node:fs';
import { copyFile, type FileHandle, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OBSERVED_UNTIL_SUFFIX, SYNCED_AT, UNTIL_AT } from './observed-until.ts';
import { COPY_SUFFIX, parseFileName, windowFileName, withoutCopySuffix } from './window-file.ts';
import type { PersistOptions } from './window-journal.ts';

const COPY_BEGUN = 'copy.new';

export type TableFolders = Pick<PersistOptions, 'folder' | 'copyFolder'>;

/** @throws what the file system throws, except for files that go meanwhile */
export async function syncTables(folders: TableFolders): Promise<void> {
  const { folder, copyFolder } = folders;
  // Read before anything is synced: what was counted by then is on the disk afterwards.
  const observed = await readObserved(folder);
  if (copyFolder === undefined) await syncWindows(folder);
  else {
    await copyWindows(folder, copyFolder);
    await syncWindows(copyFolder);
  }
  for (const [name, until] of observed) await syncWatermark(folders, name, until);
}

/**
 * Makes copies whose originals are gone into files like any others, for whoever recovers windows: the memory was that of an
 * earlier boot, or, where there is no `copyFolder`, is not used any more.
 *
 * @throws what the file system throws
 */
export function restoreCopies({ folder, copyFolder = folder }: TableFolders): void {
  for (const name of readdirSync(copyFolder)) {
    const original = withoutCopySuffix(name);
    const isWanted = !hasOriginal(folder, original);
    if (original.endsWith(OBSERVED_UNTIL_SUFFIX)) {
      if (isWanted) copyFileSync(`${copyFolder}/${name}`, `${folder}/${original}`);
      // It stays where it is the copy of what is in memory now.
      if ((copyFolder === folder) === (name !== original)) unlinkSync(`${copyFolder}/${name}`);
    } else if (isWanted && name !== original) renameSync(`${copyFolder}/${name}`, `${copyFolder}/${original}`);
  }
}

/** A table is no more than the rest of its window. */
function hasOriginal(folder: string, name: string): boolean {
  const stem = parseFileName(name)?.stem;
  return existsSync(`${folder}/${name}`) || (stem !== undefined && existsSync(`${folder}/${windowFileName(stem)}`));
}

/** By name of their files, until when points were observed. */
async function readObserved(folder: string): Promise<Map<string, Uint8Array>> {
  const observed = new Map<string, Uint8Array>();
  for (const name of (await readdir(folder)).filter((each) => each.endsWith(OBSERVED_UNTIL_SUFFIX))) {
    await withFile(`${folder}/${name}`, 'r', async (file) => {
      const { buffer } = await file.read(new Uint8Array(8), 0, 8, UNTIL_AT);
      observed.set(name, buffer);
    });
  }
  return observed;
}

async function syncWindows(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (parseFileName(name) !== undefined) await withFile(`${folder}/${name}`, 'r', (file) => file.datasync());
  }
  await withFile(folder, 'r', (file) => file.sync());
}

/** Of windows that are gone meanwhile no copy stays. The folder is made again where it was deleted, never the one around it. */
async function copyWindows(folder: string, copyFolder: string): Promise<void> {
  if (!existsSync(copyFolder)) await mkdir(copyFolder, 0o700);
  for (const name of await readdir(folder)) {
    if (parseFileName(name) !== undefined) await copyOne(`${folder}/${name}`, `${copyFolder}/${name}${COPY_SUFFIX}`);
  }
  for (const name of await readdir(copyFolder)) {
    const original = withoutCopySuffix(name);
    if (name !== original && !existsSync(`${folder}/${original}`)) await unlink(`${copyFolder}/${name}`).catch(ifGone);
  }
}

/** What is on the disk now was counted until then. */
async function syncWatermark({ folder, copyFolder }: TableFolders, name: string, until: Uint8Array): Promise<void> {
  if (copyFolder === undefined) {
    await withFile(`${folder}/${name}`, 'r+', async (file) => {
      await file.write(until, 0, until.length, SYNCED_AT);
      await file.datasync();
    });
  } else {
    await copyOne(`${folder}/${name}`, `${copyFolder}/${name}${COPY_SUFFIX}`, async (copy) => {
      for (const at of [UNTIL_AT, SYNCED_AT]) await copy.write(until, 0, until.length, at);
    });
  }
}

/** There is one copy at a time, so what a kill leaves of it is overwritten. */
async function copyOne(from: string, to: string, change?: (copy: FileHandle) => Promise<void>): Promise<void> {
  const fresh = `${dirname(to)}/${COPY_BEGUN}`;
  await copyFile(from, fresh).catch(ifGone);
  if (!existsSync(from)) return;
  await withFile(fresh, 'r+', async (copy) => {
    await change?.(copy);
    await copy.datasync();
  });
  await rename(fresh, to);
}

async function withFile(path: string, mode: string, use: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, mode).catch(ifGone);
  try {
    if (file !== undefined) await use(file);
  } finally {
    await file?.close();
  }
}

function ifGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
