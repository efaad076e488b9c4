/** Prints flowlogd.8, rendered from the table of commands: node scripts/render-manual.mjs VERSION */
import { renderManual } from '../dist/modules/agent/commands/manual.js';
import { COMMANDS } from '../dist/modules/agent/commands/registry.js';

process.stdout.write(await renderManual(COMMANDS, process.argv[2] ?? ''));
