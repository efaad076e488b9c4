/** Writes the pages of docs/ that are rendered from the sources. `test/docs` fails when they are not what this writes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { renderCataloguePage } from '../dist/modules/agent/analysis/catalogue-page.js';
import { withEnginesTable } from '../dist/modules/agent/capture/engines.js';
import { renderReferencePage } from '../dist/modules/agent/config/reference.js';
import { SINKS } from '../dist/modules/agent/export/sinks.js';
import { withMetricsTable } from '../dist/modules/agent/telemetry/metrics.js';
import { readCatalogue } from '../dist/modules/analyses/catalogue.js';

const page = (name) => new URL(`../docs/${name}`, import.meta.url);
writeFileSync(page('configuration.md'), renderReferencePage(SINKS));
writeFileSync(page('capture.md'), withEnginesTable(readFileSync(page('capture.md'), 'utf8')));
writeFileSync(page('operations.md'), withMetricsTable(readFileSync(page('operations.md'), 'utf8')));
const catalogue = readCatalogue(fileURLToPath(new URL('../analyses', import.meta.url)));
writeFileSync(page('analyses.md'), renderCataloguePage(catalogue));
