/** The catalogue of analyses: a YAML file each, in this folder. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { type Analysis, parseAnalysis, USE_CASES, type UseCase } from './analysis.ts';

const SUFFIX = '.yaml';

/** By use case, then by name. @throws Error where a file is missing or not valid */
export function readCatalogue(folder = installedFolder()): readonly Analysis[] {
  const analyses = readdirSync(folder)
    .filter((file) => file.endsWith(SUFFIX))
    .sort()
    .map((file) => parseAnalysis(file.slice(0, -SUFFIX.length), parse(readFileSync(join(folder, file), 'utf8'))));
  return useCases().flatMap((useCase) => analyses.filter((analysis) => analysis.useCase === useCase));
}

export function useCases(): readonly UseCase[] {
  return Object.keys(USE_CASES) as UseCase[];
}

/** The files lie beside the sources, and what is built from those is in another folder of the same package. */
function installedFolder(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  let root = start;
  while (!existsSync(join(root, 'analyses', `scan-ports${SUFFIX}`))) {
    if (dirname(root) === root) throw new Error(`the catalogue of analyses is not found above ${start}`);
    root = dirname(root);
  }
  return join(root, 'analyses');
}
