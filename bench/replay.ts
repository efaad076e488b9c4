/**
 * `npm run bench -- replay [CAPTURE...]`: flowlogd and its peers over the same captures. Runs are interleaved (every tool
 * once, then all again), so that what else happens on the machine hits all alike; figures are medians; the ratio that
 * matters is the one to `floor-aggregate` in the same runs. Each tool also reads a capture of the same kind with a tenth of the
 * packets, which tells what it costs to start from what a packet costs.
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
/** Of the packets of a capture, in the small one of its kind. */
const SMALL_SHARE = 1 / 10;

interface ReplayOptions {
  readonly tools: readonly Tool[];
  readonly runs: number;
  readonly limitMs: number;
}

interface ToolResult {
  readonly tool: string;
  readonly costs: Cost[];
  /** Over the small capture. */
  readonly smallCpusMs: number[];
  totals: Totals | undefined;
  /** Why there are no figures. */
  failure: string | undefined;
}

interface CaptureResult {
  readonly capture: Capture;
  readonly small: Capture;
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
    const packets = Number(values.packets);
    const whole = capture(spec, packets, folder);
    const small = capture(spec, Math.ceil(packets * SMALL_SHARE), folder);
    const result = await compare(whole, small, {
      tools,
      runs: Number(values.runs),
      limitMs: Number(values.limit) * 1000,
    });
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

async function compare(
  subject: Capture,
  small: Capture,
  { tools, runs, limitMs }: ReplayOptions,
): Promise<CaptureResult> {
  const results = tools.map(
    (tool): ToolResult => ({ tool: tool.name, costs: [], smallCpusMs: [], totals: undefined, failure: undefined }),
  );
  for (let round = 0; round < runs; round++) {
    for (const [index, tool] of tools.entries()) {
      const result = results[index]!;
      const cost = await runUnlessFailed(tool, small, limitMs, result);
      if (cost !== undefined) result.smallCpusMs.push(cost.cpuMs);
      const whole = await runUnlessFailed(tool, subject, limitMs, result, (totals) => {
        result.totals = worse(result.totals, totals, subject);
      });
      if (whole !== undefined) result.costs.push(whole);
    }
  }
  return { capture: subject, small, tools: results };
}

/** What a run cost, unless it or one before it failed; tells what the tool counted. */
async function runUnlessFailed(
  tool: Tool,
  subject: Capture,
  limitMs: number,
  result: ToolResult,
  onTotals: (totals: Totals | undefined) => void = () => undefined,
): Promise<Cost | undefined> {
  if (result.failure !== undefined) return undefined;
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
    else onTotals(collected ?? (await tool.totals?.(place)));
    return result.failure === undefined ? cost : undefined;
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

function format({ capture: subject, small, tools }: CaptureResult): string {
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
      ...fixedAndSlope(result, subject, small),
      shortNumber(median(costs.map(({ wallMs }) => wallMs)) / 1000),
      String(Math.round(Math.max(...costs.map(({ peakKib }) => peakKib)) / 1024)),
      totals === undefined ? '' : String(totals.records),
      verdict(subject, totals),
    ];
  });
  const header = [
    ...['tool', 'CPU ns/packet', 'range', 'x floor', 'fixed ms', 'slope ns/packet'],
    ...['wall s', 'peak MiB', 'records', 'counts'],
  ];
  const { name, packets, flows, records, bytes } = subject;
  const title = `${packets} packets, ${bytes} IP bytes, ${flows} flows, ${records} records of 60 s`;
  return `### ${name}: ${title}\n\n${markdownTable(header, rows)}`;
}

/** Milliseconds of CPU whatever the number of packets, and nanoseconds for each further packet. */
function fixedAndSlope({ costs, smallCpusMs }: ToolResult, whole: Capture, small: Capture): string[] {
  const smallMs = median(smallCpusMs);
  const slopeMs = (median(costs.map(({ cpuMs }) => cpuMs)) - smallMs) / (whole.packets - small.packets);
  return [shortNumber(Math.max(0, smallMs - slopeMs * small.packets)), shortNumber(slopeMs * 1e6)];
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
