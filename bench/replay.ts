/**
 * `npm run bench -- replay [CAPTURE...]`: flowlogd and its peers over the same captures. Runs are interleaved (every tool
 * once, then all again), so that what else happens on the machine hits all alike; figures are medians; the ratio that
 * matters is the one to `floor-aggregate` in the same runs.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Collector } from './collector.ts';
import { machineLine } from './machine.ts';
import { type Cost, runMeasured } from './measured.ts';
import { cacheFolder } from './places.ts';
import { CAPTURES, type Capture, capture, STANDARD_CAPTURES } from './savefile.ts';
import { markdownTable, median, shortNumber } from './table-text.ts';
import { environment, installPeers, isInstalled, TOOLS, type Tool } from './tools.ts';
import type { Totals } from './totals.ts';

const REFERENCE = 'floor-aggregate';
const COLLECTOR_PORT = 29_955;

interface ReplayOptions {
  readonly tools: readonly Tool[];
  readonly captures: readonly Capture[];
  readonly runs: number;
  readonly limitMs: number;
}

interface ToolResult {
  readonly tool: string;
  readonly costs: Cost[];
  totals: Totals | undefined;
  /** Why there are no figures. */
  failure: string | undefined;
}

interface CaptureResult {
  readonly capture: Capture;
  readonly tools: readonly ToolResult[];
}

export async function runReplayBench(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      packets: { type: 'string', default: '2000000' },
      runs: { type: 'string', default: '3' },
      tools: { type: 'string' },
      limit: { type: 'string', default: '60' },
      json: { type: 'string' },
      install: { type: 'boolean', default: false },
    },
  });
  if (values.install) installPeers();
  console.log(`${machineLine()}\n`);
  const tools = chooseTools(values.tools?.split(','), 'replay');
  const folder = join(cacheFolder(), 'captures');
  mkdirSync(folder, { recursive: true });
  const names: readonly string[] = positionals.length > 0 ? positionals : STANDARD_CAPTURES;
  const results: CaptureResult[] = [];
  for (const name of names) {
    const spec = CAPTURES.find((known) => known.name === name);
    if (spec === undefined)
      throw new Error(`no capture is called ${name}: ${CAPTURES.map((known) => known.name).join(' ')}`);
    const captures = [capture(spec, Number(values.packets), folder)];
    const options = { tools, captures, runs: Number(values.runs), limitMs: Number(values.limit) * 1000 };
    const result = await compare(captures[0]!, options);
    results.push(result);
    console.log(format(result));
  }
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(results, undefined, 2));
}

/** Those asked for, or all that run in this mode; tells which are not installed. */
export function chooseTools(wanted: readonly string[] | undefined, mode: 'replay' | 'live'): Tool[] {
  const able = TOOLS.filter((tool) => tool[mode] !== undefined);
  const unknown = wanted?.filter((name) => !able.some((tool) => tool.name === name)) ?? [];
  if (unknown.length > 0)
    throw new Error(`no tool for ${mode} is called ${unknown[0]}: ${able.map(({ name }) => name).join(' ')}`);
  const chosen = able.filter(({ name }) => wanted === undefined || wanted.includes(name));
  for (const { name, package: from } of chosen.filter((tool) => !isInstalled(tool))) {
    console.log(`Skipped: ${name} is not installed (apt install ${from}, or --install).\n`);
  }
  return chosen.filter(isInstalled);
}

async function compare(subject: Capture, { tools, runs, limitMs }: ReplayOptions): Promise<CaptureResult> {
  const results = tools.map(
    (tool): ToolResult => ({ tool: tool.name, costs: [], totals: undefined, failure: undefined }),
  );
  for (let round = 0; round < runs; round++) {
    for (const [index, tool] of tools.entries()) {
      const result = results[index]!;
      if (result.failure === undefined) await runOnce(tool, subject, limitMs, result);
    }
  }
  return { capture: subject, tools: results };
}

async function runOnce(tool: Tool, subject: Capture, limitMs: number, result: ToolResult): Promise<void> {
  const folder = mkdtempSync(join(cacheFolder(), 'run-'));
  const place = { folder, port: COLLECTOR_PORT };
  const collector = tool.collected ? await Collector.start(place.port) : undefined;
  try {
    tool.prepare?.(place);
    const command = tool.replay!(subject.path, place);
    const cost = await runMeasured(command, { folder, limitMs, environment: { PATH: environment()['PATH']! } });
    const collected = await collector?.stop();
    if (cost === undefined) result.failure = `took longer than ${limitMs / 1000} s`;
    else if (cost.status !== 0) result.failure = `ended with status ${cost.status}`;
    else {
      result.costs.push(cost);
      result.totals = worse(result.totals, collected ?? (await tool.totals?.(place)), subject);
    }
  } finally {
    collector?.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A tool that counts right twice and wrong once counts wrong. */
function worse(one: Totals | undefined, other: Totals | undefined, truth: Capture): Totals | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.abs(one.packets - truth.packets) >= Math.abs(other.packets - truth.packets) ? one : other;
}

function format({ capture: subject, tools }: CaptureResult): string {
  const cpuOf = ({ costs }: ToolResult) => median(costs.map(({ cpuMs }) => cpuMs));
  const reference = tools.find(({ tool, costs }) => tool === REFERENCE && costs.length > 0);
  const referenceMs = reference === undefined ? Number.NaN : cpuOf(reference);
  const rows = tools.map((result) => {
    const { tool, costs, totals, failure } = result;
    if (failure !== undefined) return [tool, failure];
    const cpus = costs.map(({ cpuMs }) => cpuMs);
    const perPacket = (milliseconds: number) => (milliseconds * 1e6) / subject.packets;
    return [
      tool,
      shortNumber(perPacket(cpuOf(result))),
      `${shortNumber(perPacket(Math.min(...cpus)))}..${shortNumber(perPacket(Math.max(...cpus)))}`,
      shortNumber(cpuOf(result) / referenceMs),
      shortNumber(median(costs.map(({ wallMs }) => wallMs)) / 1000),
      String(Math.round(Math.max(...costs.map(({ peakKib }) => peakKib)) / 1024)),
      totals === undefined ? '' : String(totals.records),
      verdict(subject, totals),
    ];
  });
  const header = ['tool', 'CPU ns/packet', 'range', 'x floor', 'wall s', 'peak MiB', 'records', 'counts'];
  const { name, packets, flows, records, bytes } = subject;
  const title = `${packets} packets, ${bytes} IP bytes, ${flows} flows, ${records} records of 60 s`;
  return `### ${name}: ${title}\n\n${markdownTable(header, rows)}`;
}

/** How a tool's own totals compare with the truth. */
function verdict(truth: Capture, totals: Totals | undefined): string {
  if (totals === undefined) return 'not told';
  if (totals.packets !== truth.packets) {
    const percent = (100 * (totals.packets - truth.packets)) / truth.packets;
    return `${percent > 0 ? '+' : ''}${shortNumber(percent)} % packets`;
  }
  if (totals.bytes === undefined) return 'packets right';
  return totals.bytes === truth.bytes ? 'right' : 'packets right, bytes not';
}
