/** What a user types to run this very program from the shell that started it. */
import { realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `npx flowlogd` where npm started it, which is in a clone; `flowlogd` where that is this program on the PATH; else the file.
 *
 * @param entry the file of the program that runs, an absolute path
 */
export function ownCommand(env: Environment = process.env, entry: string = process.argv[1] ?? ''): string {
  if (env['npm_command']) return 'npx flowlogd';
  const installed = (env['PATH'] ?? '').split(delimiter).map((folder) => realPath(join(folder, 'flowlogd')));
  return installed.includes(realPath(entry) ?? entry) ? 'flowlogd' : `node ${quoted(entry)}`;
}

/** A word for the shell, quoted where it must be. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
