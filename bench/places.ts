/** Where the benchmarks find the built command and keep what they make. */
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's folder, from `bench/` as from `dist/modules/bench/`. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** The built command's entry. */
export function flowlogdEntry(): string {
  return join(packageRoot(), 'dist/agent/main.js');
}

/** Captures and compiled tools, kept from run to run; safe to delete at any time. */
export function cacheFolder(): string {
  const folder = join(tmpdir(), `flowlogd-bench-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}
