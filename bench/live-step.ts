/** One measured stretch of live packets: a tool on one processor, the generator on another, until all is taken in. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Collector } from './collector.ts';
import { startMeasured } from './measured.ts';
import { nativeTool } from './native-tools.ts';
import { type BenchNetwork, OBSERVED, SENDING } from './network.ts';
import { cacheFolder } from './places.ts';
import { keepPrecedence, memoryUse, treeUse } from './process-tree.ts';
import { environment, type Tool } from './tools.ts';

export const LOSS_MAX = 0.001;
const COLLECTOR_PORT = 29_956;
const GENERATOR_CPU = '0';
const TOOL_CPU = 1;
/** For a tool to open its capture, to take in what waits once the packets cease, and to end. */
const READY_MS = 20_000;
const DRAIN_MS = 20_000;
const END_MS = 30_000;

export interface LiveOptions {
  readonly flows: number;
  readonly seconds: number;
  readonly method: 'xdp' | 'socket';
}

export interface Step {
  readonly sent: number;
  readonly packetsPerSecond: number;
  readonly loss: number;
  /** From the first packet until all are taken in. */
  readonly cpuMs: number;
  readonly nsPerPacket: number;
  /** Of one core, while packets came. */
  readonly busy: number;
  /** When all were taken in, and how much of it the packet rings are. */
  readonly residentKib: number;
  readonly ringKib: number;
}

export function requireTwoProcessors(): void {
  if (cpus().length < 2) throw new Error('this benchmark needs two processors: one for the packets, one for the tool');
}

/** Live frames need a kernel of 2022 and the right to load a program; sending works everywhere. */
export async function bestMethod(network: BenchNetwork): Promise<'xdp' | 'socket'> {
  try {
    await generate(network, 1_000, { flows: 10, seconds: 0.1, method: 'xdp' });
    return 'xdp';
  } catch {
    return 'socket';
  }
}

async function generate(network: BenchNetwork, rate: number, { flows, seconds, method }: LiveOptions): Promise<number> {
  const [command, ...rest] = [...network.prefix, 'taskset', '-c', GENERATOR_CPU, nativeTool('generator'), method];
  const where = method === 'xdp' ? OBSERVED : SENDING;
  const { stdout } = await promisify(execFile)(command!, [
    ...rest,
    where,
    String(rate),
    String(seconds),
    String(flows),
  ]);
  return (JSON.parse(stdout) as { readonly sent: number }).sent;
}

export async function step(tool: Tool, network: BenchNetwork, rate: number, options: LiveOptions): Promise<Step> {
  const folder = mkdtempSync(join(cacheFolder(), 'run-'));
  const place = { folder, port: COLLECTOR_PORT };
  const { prefix } = network;
  tool.prepare?.(place);
  const collector = tool.collected ? await Collector.start(place.port, prefix) : undefined;
  const path = { PATH: environment()['PATH']! };
  const run = startMeasured(tool.live!(OBSERVED, place), { folder, cpu: TOOL_CPU, environment: path, prefix });
  const killer = setTimeout(() => run.child.kill('SIGUSR1'), READY_MS + DRAIN_MS + END_MS + options.seconds * 1000);
  try {
    const processId = run.child.pid!;
    await until(() => network.isCapturing, READY_MS, `${tool.name} does not capture`);
    keepPrecedence(processId);
    // A tool that has its socket may still be busy starting.
    await settle(processId);
    const before = treeUse(processId);
    const sent = await generate(network, rate, options);
    const busyMs = treeUse(processId).cpuMs - before.cpuMs;
    await settle(processId);
    const cpuMs = treeUse(processId).cpuMs - before.cpuMs;
    const { residentKib, ringKib } = memoryUse(processId);
    run.child.kill(tool.stopSignal ?? 'SIGINT');
    await run.ended;
    const counted = (await collector?.stop()) ?? (await tool.totals!(place));
    return {
      sent,
      packetsPerSecond: sent / options.seconds,
      loss: Math.max(0, 1 - counted.packets / sent),
      cpuMs,
      nsPerPacket: (cpuMs * 1e6) / sent,
      busy: busyMs / (options.seconds * 1000),
      residentKib,
      ringKib,
    };
  } finally {
    clearTimeout(killer);
    run.child.kill('SIGUSR1');
    collector?.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function until(holds: () => boolean, limitMs: number, otherwise: string): Promise<void> {
  const end = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`${otherwise} after ${limitMs / 1000} s`);
    await sleep(50);
  }
}

/** Waits until the process does next to nothing: everything that came is taken in. */
async function settle(processId: number): Promise<void> {
  const end = performance.now() + DRAIN_MS;
  let before = treeUse(processId).cpuMs;
  for (let quiet = 0; quiet < 3 && performance.now() < end; ) {
    await sleep(200);
    const { cpuMs } = treeUse(processId);
    quiet = cpuMs - before < 6 ? quiet + 1 : 0;
    before = cpuMs;
  }
}
