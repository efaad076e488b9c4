import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { renderCataloguePage } from '../../agent/analysis/catalogue-page.ts';
import { readCatalogue } from '../../analyses/catalogue.ts';

test('docs/analyses.md is the catalogue as a page; npm run docs writes it', () => {
  expect(readFileSync(resolve('docs/analyses.md'), 'utf8')).toBe(
    renderCataloguePage(readCatalogue(resolve('analyses'))),
  );
});
