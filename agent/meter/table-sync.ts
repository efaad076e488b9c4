/**
 * Has the files of open windows (window-journal.ts) on the disk from time to time, which bounds what a power cut takes: what was
 * counted since the last time that this came through, and the gap of the next start says from when that is. A kill alone
 * takes nothing of it: the pages are the kernel's.
 *
 * Files on a disk are synced where they are. Where the folder is memory its files are copied to a folder on disk, under the same names;
 * a copy goes when what it was copied from does, and after a reboot it is all that is left.
 *
 * The file system's threads do the waiting, never the data plane. What waits for no disk (names, a few bytes of a page that is in memory) is
 * done at once: a thread that is woken for each of these costs an idle agent more than all else.
 */
import { closeSync, existsSync, fdatasync, fsync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { copyFile, mkdir, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { OBSERVED_UNTIL_SUFFIX, SYNCED_AT, UNTIL_AT } from './observed-until.ts';
import { parseWindowFileName } from './window-file.ts';
import type { PersistOptions } from './window-journal.ts';

const syncData = promisify(fdatasync);
const syncAll = promisify(fsync);

const COPY_BEGUN = 'copy.new';

export type TableFolders = Pick<PersistOptions, 'folder' | 'copyFolder'>;

export class TableSync {
  readonly #folder: string;
  readonly #copyFolder: string | undefined;
  /** Names of windows with a copy that this made. */
  readonly #copied = new Set<string>();

  constructor({ folder, copyFolder }: TableFolders) {
    this.#folder = folder;
    this.#copyFolder = copyFolder;
  }

  /** @throws what the file system throws, except for files that go meanwhile */
  async sync(): Promise<void> {
    // Read before anything is synced: what was counted by then is on the disk afterwards.
    const observed = this.#readWatermarks();
    if (this.#copyFolder !== undefined) await this.#copyWindows(this.#copyFolder);
    await syncWindows(this.#copyFolder ?? this.#folder);
    for (const [name, until] of observed) await this.#syncWatermark(name, until);
  }

  /** By name of their files, until when points were observed. */
  #readWatermarks(): Map<string, Uint8Array> {
    const observed = new Map<string, Uint8Array>();
    for (const name of readdirSync(this.#folder).filter((each) => each.endsWith(OBSERVED_UNTIL_SUFFIX))) {
      const file = openIfThere(`${this.#folder}/${name}`, 'r');
      if (file === undefined) continue;
      const until = new Uint8Array(8);
      try {
        readSync(file, until, 0, until.length, UNTIL_AT);
      } finally {
        closeSync(file);
      }
      observed.set(name, until);
    }
    return observed;
  }

  /** Of windows that are gone meanwhile no copy stays. The folder is made again where it was deleted, never the one around it. */
  async #copyWindows(copyFolder: string): Promise<void> {
    if (!existsSync(copyFolder)) await mkdir(copyFolder, 0o700);
    for (const name of readdirSync(this.#folder)) {
      if (parseWindowFileName(name) === undefined) continue;
      this.#copied.add(name);
      await copyOne(`${this.#folder}/${name}`, `${copyFolder}/${name}`);
    }
    for (const name of this.#copied) {
      if (existsSync(`${this.#folder}/${name}`)) continue;
      await unlink(`${copyFolder}/${name}`).catch(ifGone);
      this.#copied.delete(name);
    }
  }

  /** What is on the disk now was counted until then. */
  async #syncWatermark(name: string, until: Uint8Array): Promise<void> {
    const path = `${this.#folder}/${name}`;
    if (this.#copyFolder === undefined) {
      await withFile(path, 'r+', async (file) => {
        writeSync(file, until, 0, until.length, SYNCED_AT);
        await syncData(file);
      });
    } else {
      await copyOne(path, `${this.#copyFolder}/${name}`, (copy) => {
        for (const at of [UNTIL_AT, SYNCED_AT]) writeSync(copy, until, 0, until.length, at);
      });
    }
  }
}

async function syncWindows(folder: string): Promise<void> {
  for (const name of readdirSync(folder)) {
    if (parseWindowFileName(name) !== undefined) await withFile(`${folder}/${name}`, 'r', syncData);
  }
  await withFile(folder, 'r', syncAll);
}

/** There is one copy at a time, so what a kill leaves of it is overwritten. */
async function copyOne(from: string, to: string, change?: (copy: number) => void): Promise<void> {
  const fresh = `${dirname(to)}/${COPY_BEGUN}`;
  await copyFile(from, fresh).catch(ifGone);
  if (!existsSync(from)) return;
  await withFile(fresh, 'r+', async (copy) => {
    change?.(copy);
    await syncData(copy);
  });
  await rename(fresh, to);
}

async function withFile(path: string, mode: string, use: (file: number) => Promise<void>): Promise<void> {
  const file = openIfThere(path, mode);
  if (file === undefined) return;
  try {
    await use(file);
  } finally {
    closeSync(file);
  }
}

function openIfThere(path: string, mode: string): number | undefined {
  try {
    return openSync(path, mode);
  } catch (error) {
    return ifGone(error as NodeJS.ErrnoException);
  }
}

function ifGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
