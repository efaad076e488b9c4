import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where a search of a stopped store spills: a folder among the temporary files, as nothing is written into the store. */
const PREFIX = 'flowlogd-search-';
/** No search lives so long: it has half a minute to start, and half a minute to answer. */
const LEFT_MS = 600_000;

export function makeSpillFolder(): string {
  return mkdtempSync(join(tmpdir(), PREFIX));
}

/** Those of the same user, of searches that were killed. */
export function removeLeftSpillFolders(nowMs: number): void {
  for (const name of readdirSync(tmpdir())) {
    const path = join(tmpdir(), name);
    if (name.startsWith(PREFIX) && isLeft(path, nowMs)) rmSync(path, { recursive: true, force: true });
  }
}

function isLeft(path: string, nowMs: number): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === process.geteuid!() && nowMs - found.mtimeMs > LEFT_MS;
}
