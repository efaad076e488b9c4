// Preloaded into a command (node --import): leaves what the kernel knows of its memory in the file that MEMORY_REPORT names.
import { openSync, readFileSync, writeSync } from 'node:fs';

// At once: the command may limit its files.
const report = openSync(process.env.MEMORY_REPORT, 'w');
process.on('exit', () => writeSync(report, readFileSync('/proc/self/status')));
