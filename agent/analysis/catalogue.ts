/** The catalogue of analyses as it is installed: a YAML file each, in the folder `analyses` of the package. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Analysis, parseAnalysis, USE_CASES, type UseCase } from '../../analyses/analysis.ts';

/** By use case, then by name. */
export function readCatalogue(folder: string): readonly Analysis[] {
  const analyses = readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => parseAnalysis(file.slice(0, -'.yaml'.length), parse(readFileSync(join(folder, file), 'utf8'))));
  return useCases().flatMap((useCase) => analyses.filter((analysis) => analysis.useCase === useCase));
}

export function useCases(): readonly UseCase[] {
  return Object.keys(USE_CASES) as UseCase[];
}
