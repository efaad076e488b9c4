/** The catalogue as it is installed: the folder `analyses` beside the program. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { type Analysis, parseAnalysis } from '../../analyses/analysis.ts';

const SUFFIX = '.yaml';

/** Those whose rows become findings. @throws Error where a file is missing or not valid */
export function readFindingRules(): readonly Analysis[] {
  const folder = installedFolder();
  return readdirSync(folder)
    .filter((name) => name.endsWith(SUFFIX))
    .sort()
    .map((name) => parseAnalysis(name.slice(0, -SUFFIX.length), parse(readFileSync(join(folder, name), 'utf8'))))
    .filter(({ finding }) => finding !== undefined);
}

/** The sources run from `logservice/`, what is built from `dist/`; `analyses/` with its files is beside either. */
function installedFolder(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  let folder = start;
  while (!existsSync(join(folder, 'analyses', `scan-ports${SUFFIX}`))) {
    if (dirname(folder) === folder) throw new Error(`the catalogue of analyses is not found above ${start}`);
    folder = dirname(folder);
  }
  return join(folder, 'analyses');
}
