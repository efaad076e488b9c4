/**
 * `npm run bench -- memory`: whether the memory of `flowlogd run` has a plateau: one interface under a steady rate of packets
 * whose flows change all the time, every window encoded, spooled and delivered, sampled once a minute.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machineLine } from './machine.ts';
import { startMeasured } from './measured.ts';
import type { HeapUse } from './memory-probe.ts';
import { nativeTool } from './native-tools.ts';
import { BenchNetwork, OBSERVED, SENDING } from './network.ts';
import { cacheFolder, flowlogdEntry } from './places.ts';
import { memoryUse } from './process-tree.ts';
import { startSink } from './start-sink.ts';

const SAMPLE_MS = 60_000;
const READY_MS = 20_000;

const configuration = (folder: string, endpoint: string, window: string) => `stateDirectory: ${folder}/state
flowLogs:
  - interfaces: [${OBSERVED}]
    windowSeconds: ${window}
cls:
  endpoint: ${endpoint}
  topicId: bench-topic
  secretId: bench-id
  secretKey: bench-key
`;

export async function runMemoryBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '60' },
      rate: { type: 'string', default: '100000' },
      flows: { type: 'string', default: '1000000' },
      window: { type: 'string', default: '10s' },
    },
  });
  const minutes = Number(values.minutes);
  const network = new BenchNetwork();
  const folder = mkdtempSync(join(cacheFolder(), 'run-'));
  let generator: ChildProcess | undefined;
  try {
    const sink = await startSink(network.prefix);
    const path = join(folder, 'flowlogd.yaml');
    writeFileSync(path, configuration(folder, sink.url.origin, values.window), { mode: 0o600 });
    const probe = ['--import', fileURLToPath(new URL('./memory-probe.js', import.meta.url))];
    const agent = startMeasured([process.execPath, ...probe, flowlogdEntry(), 'run', '--config', path], {
      folder,
      environment: { FLOWLOGD_PROBE: folder },
      prefix: network.prefix,
    });
    await until(() => network.isCapturing);
    generator = generate(network, values.rate, (minutes + 1) * 60, values.flows);
    const words = `${values.rate} packets/s, ${values.flows} flows, windows of ${values.window}`;
    console.log(`${machineLine()}; ${words}, MiB\n\n${header()}`);
    for (let minute = 1; minute <= minutes; minute++) {
      await sleep(SAMPLE_MS);
      console.log(row(minute, agent.child.pid!, folder));
    }
    agent.child.kill('SIGTERM');
    await agent.ended;
    await sink.stop();
  } finally {
    generator?.kill('SIGKILL');
    network.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

function generate(network: BenchNetwork, rate: string, seconds: number, flows: string): ChildProcess {
  const line = [...network.prefix, nativeTool('generator'), 'steady', SENDING, rate, String(seconds), flows];
  return spawn(line[0]!, line.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function until(holds: () => boolean): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += 100) {
    if (waitedMs > READY_MS) throw new Error('flowlogd does not capture');
    await sleep(100);
  }
}

/** As a Markdown table that grows by a row a minute. */
function line(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.padStart(9)).join(' | ')} |`;
}

const COLUMNS = ['minute', 'anonymous', 'malloc', 'ring', 'tables', 'resident', 'heap used', 'heap', 'external'];

function header(): string {
  return `${line(COLUMNS)}\n${line(COLUMNS.map(() => '--------:'))}`;
}

function row(minute: number, processId: number, folder: string): string {
  const { anonymousKib, mallocKib, ringKib, sharedKib, residentKib } = memoryUse(processId);
  const heaps = heapsOf(folder);
  const sum = (part: keyof HeapUse) => heaps.reduce((total, heap) => total + heap[part], 0) / 1024;
  const kibibytes = [anonymousKib, mallocKib, ringKib, sharedKib, residentKib];
  const shown = [...kibibytes, sum('heapUsed'), sum('heapTotal'), sum('external')];
  return line([String(minute), ...shown.map((each) => (each / 1024).toFixed(1))]);
}

/** Of all threads. */
function heapsOf(folder: string): HeapUse[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith('heap-') && name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as HeapUse);
}
