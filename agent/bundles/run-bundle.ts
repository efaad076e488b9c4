/**
 * Runs a bundle of scripts/bundle/: one file with everything that a command, a thread or a process needs, and beside it the code
 * that V8 made of it when the package was built. The code is of one text and one Node.js, and so is the name of its file: there is
 * none to be found by another. V8 itself refuses that of another version, or of other flags; then it compiles the text.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { lateRequire } from './late-require.ts';

/** What the text of a bundle is: a function of what it needs of its surroundings. */
type Bundle = (require: (name: string) => unknown, moduleUrl: (module: string) => string) => void;

/**
 * @param folder the one of the entry, with `bundles/` in it
 * @param root the one that the paths of modules are relative to: `agent/cli/version.js`
 */
export function runBundle(name: string, folder: string, root: string, require: NodeJS.Require): void {
  const filename = join(folder, 'bundles', `${name}.js`);
  const cachedData = readIfThere(join(folder, 'bundles', `${name}.${process.version}-${process.arch}.cache`));
  // The bundler writes ASCII alone: a byte is a character, and takes no more in memory.
  const text = readFileSync(filename, 'latin1');
  const script = new Script(text, cachedData === undefined ? { filename } : { filename, cachedData });
  const bundle = script.runInThisContext() as Bundle;
  bundle(lateRequire(require), (module) => new URL(module, `${fileUrl(root)}/`).href);
}

/** As `pathToFileURL`, whose module takes longer to load than a command to start. */
function fileUrl(path: string): string {
  return `file://${encodeURI(path).replace(/[#?]/g, encodeURIComponent)}`;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
