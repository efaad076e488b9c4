import { resolve } from 'node:path';
import { readCatalogue } from '../../agent/analysis/catalogue.ts';
import type { Analysis } from '../../analyses/analysis.ts';

export const CATALOGUE: readonly Analysis[] = readCatalogue(resolve('analyses'));

export function analysisNamed(name: string): Analysis {
  return CATALOGUE.find((analysis) => analysis.name === name)!;
}
