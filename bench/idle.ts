/**
 * `npm run bench -- idle`: what `flowlogd run` takes while nothing happens: one quiet interface, windows of 60 s, of which at
 * least one ends while it is watched, is encoded, spooled and delivered.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { machineLine } from './machine.ts';
import { startMeasured } from './measured.ts';
import { BenchNetwork, OBSERVED } from './network.ts';
import { cacheFolder, flowlogdEntry } from './places.ts';
import { memoryUse, treeUse } from './process-tree.ts';
import { startSink } from './start-sink.ts';
import { markdownTable, shortNumber } from './table-text.ts';

/** Start-up is not idleness. */
const SETTLE_MS = 5_000;
const READY_MS = 20_000;

const configuration = (folder: string, endpoint: string) => `stateDirectory: ${folder}/state
flowLogs:
  - interfaces: [${OBSERVED}]
    windowSeconds: 60s
cls:
  endpoint: ${endpoint}
  topicId: bench-topic
  secretId: bench-id
  secretKey: bench-key
`;

export async function runIdleBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { seconds: { type: 'string', default: '65' } } });
  const seconds = Number(values.seconds);
  const network = new BenchNetwork();
  const folder = mkdtempSync(join(cacheFolder(), 'run-'));
  try {
    const sink = await startSink(network.prefix);
    const path = join(folder, 'flowlogd.yaml');
    writeFileSync(path, configuration(folder, sink.url.origin), { mode: 0o600 });
    const command = [process.execPath, flowlogdEntry(), 'run', '--config', path];
    const { child, ended } = startMeasured(command, { folder, prefix: network.prefix });
    for (let waitedMs = 0; !network.isCapturing; waitedMs += 100) {
      if (waitedMs > READY_MS) throw new Error('flowlogd does not capture');
      await sleep(100);
    }
    await sleep(SETTLE_MS);
    const before = treeUse(child.pid!);
    const start = performance.now();
    await sleep(seconds * 1000);
    const after = treeUse(child.pid!);
    const ring = memoryUse(child.pid!).ringKib;
    const elapsedMs = performance.now() - start;
    child.kill('SIGTERM');
    const { peakKib } = await ended;
    await sink.stop();
    console.log(`${machineLine()}\n`);
    const percent = (100 * (after.cpuMs - before.cpuMs)) / elapsedMs;
    const mebibytes = (kibibytes: number) => String(Math.round(kibibytes / 1024));
    const header = [
      'flowlogd run, quiet interface',
      '% of a core',
      'resident MiB',
      'of it without the ring',
      'peak MiB',
    ];
    const cells = [
      shortNumber(percent),
      mebibytes(after.residentKib),
      mebibytes(after.residentKib - ring),
      mebibytes(peakKib),
    ];
    console.log(markdownTable(header, [[`${Math.round(elapsedMs / 1000)} s`, ...cells]]));
  } finally {
    network.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}
