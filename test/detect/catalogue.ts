import { resolve } from 'node:path';
import type { Analysis } from '../../analyses/analysis.ts';
import { readCatalogue } from '../../analyses/catalogue.ts';

export const CATALOGUE: readonly Analysis[] = readCatalogue(resolve('analyses'));

export function analysisNamed(name: string): Analysis {
  return CATALOGUE.find((analysis) => analysis.name === name)!;
}
