/**
 * Has the files of open windows (window-journal.ts) on the disk from time to time, which bounds what a power cut takes: what was
 * counted since the last time that this came through, and the gap of the next start says from when that is. A kill alone
 * takes nothing of it: the pages are the kernel's.
 *
 * Files on a disk are synced where they are. Where the folder is memory its files are copied to a folder on disk, under the same names;
 * a copy goes when what it was copied from does, and after a reboot it is all that is left.
 *
 * The file system's threads do the waiting, never the data plane.
 */
import { existsSync } from 'node:fs';
import { copyFile, type FileHandle, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OBSERVED_UNTIL_SUFFIX, SYNCED_AT, UNTIL_AT } from './observed-until.ts';
import { parseWindowFileName } from './window-file.ts';
import type { PersistOptions } from './window-journal.ts';

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
    const observed = await this.#readWatermarks();
    if (this.#copyFolder !== undefined) await this.#copyWindows(this.#copyFolder);
    await syncWindows(this.#copyFolder ?? this.#folder);
    for (const [name, until] of observed) await this.#syncWatermark(name, until);
  }

  /** By name of their files, until when points were observed. */
  async #readWatermarks(): Promise<Map<string, Uint8Array>> {
    const observed = new Map<string, Uint8Array>();
    for (const name of (await readdir(this.#folder)).filter((each) => each.endsWith(OBSERVED_UNTIL_SUFFIX))) {
      await withFile(`${this.#folder}/${name}`, 'r', async (file) => {
        const { buffer } = await file.read(new Uint8Array(8), 0, 8, UNTIL_AT);
        observed.set(name, buffer);
      });
    }
    return observed;
  }

  /** Of windows that are gone meanwhile no copy stays. The folder is made again where it was deleted, never the one around it. */
  async #copyWindows(copyFolder: string): Promise<void> {
    if (!existsSync(copyFolder)) await mkdir(copyFolder, 0o700);
    for (const name of await readdir(this.#folder)) {
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
        await file.write(until, 0, until.length, SYNCED_AT);
        await file.datasync();
      });
    } else {
      await copyOne(path, `${this.#copyFolder}/${name}`, async (copy) => {
        for (const at of [UNTIL_AT, SYNCED_AT]) await copy.write(until, 0, until.length, at);
      });
    }
  }
}

async function syncWindows(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (parseWindowFileName(name) !== undefined) await withFile(`${folder}/${name}`, 'r', (file) => file.datasync());
  }
  await withFile(folder, 'r', (file) => file.sync());
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
