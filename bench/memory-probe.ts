/**
 * Loaded into every thread of a measured agent (`node --import memory-probe.js`): writes once in a while what its JavaScript
 * heap holds, to a file of the folder `FLOWLOGD_PROBE`.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';

export interface HeapUse {
  readonly heapUsed: number;
  readonly heapTotal: number;
  readonly external: number;
}

const PROBE_MS = 5_000;
const folder = process.env['FLOWLOGD_PROBE'];

if (folder !== undefined) {
  const path = join(folder, `heap-${threadId}.json`);
  // Whoever reads it finds the one before, or this one whole.
  const write = () => {
    writeFileSync(`${path}.new`, JSON.stringify(process.memoryUsage()));
    renameSync(`${path}.new`, path);
  };
  setInterval(write, PROBE_MS).unref();
}
