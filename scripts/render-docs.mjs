/** Writes what is rendered from the sources: pages of docs/, and monitoring/cls/. `test/docs` and `test/monitoring` fail when it is not what this writes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { withAlarmsTables } from '../dist/modules/agent/analysis/alarms-page.js';
import { renderCataloguePage } from '../dist/modules/agent/analysis/catalogue-page.js';
import { renderClsDashboard } from '../dist/modules/agent/analysis/cls-dashboard.js';
import { renderTerraformAlarms } from '../dist/modules/agent/analysis/terraform-alarms.js';
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
writeFileSync(page('cls-alarms.md'), withAlarmsTables(readFileSync(page('cls-alarms.md'), 'utf8'), catalogue));
const monitoring = (name) => new URL(`../monitoring/cls/${name}`, import.meta.url);
writeFileSync(monitoring('alarms.tf'), renderTerraformAlarms(catalogue));
writeFileSync(monitoring('grafana-dashboard.json'), renderClsDashboard(catalogue));
