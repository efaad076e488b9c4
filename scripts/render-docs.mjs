/** Writes the pages of docs/ that are rendered from the sources. `test/docs` fails when they are not what this writes. */
import { writeFileSync } from 'node:fs';
import { renderReferencePage } from '../dist/agent/config/reference.js';

writeFileSync(new URL('../docs/configuration.md', import.meta.url), renderReferencePage());
