/**
 * `npm run bench -- live [TOOL...]`: the highest offered rate at which a tool loses less than one packet in a thousand, and
 * what a packet costs it there. With `--rate` every tool gets that rate, in turns: for a second, in which tables grow from nothing,
 * and for `--seconds`, which tells what it costs to begin from what a packet costs. Packets are made on the first processor (the
 * kernel's receive path runs there, too) and the tool runs on the second. Lost is what was sent and is not in the tool's own output
 * once it has ended.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { bestMethod, type LiveOptions, LOSS_MAX, requireTwoProcessors, type Step, step } from './live-step.ts';
import { machineLine } from './machine.ts';
import { BenchNetwork } from './network.ts';
import { chooseTools } from './replay.ts';
import { markdownTable, median, shortNumber } from './table-text.ts';
import { installPeers, type Tool } from './tools.ts';

/** Packets per second, from slow to as fast as the generator goes. */
const RATES = [50_000, 100_000, 200_000, 400_000, 800_000, 1_200_000, 1_600_000, 2_000_000, 0] as const;
/** Of the short stretch at a fixed rate. */
const SHORT_SECONDS = 1;

interface ToolSteps<Steps> {
  readonly tool: string;
  readonly steps: Steps;
}

export async function runLiveBench(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      flows: { type: 'string', default: '100000' },
      seconds: { type: 'string' },
      rate: { type: 'string' },
      runs: { type: 'string', default: '3' },
      json: { type: 'string' },
      install: { type: 'boolean', default: false },
    },
  });
  if (values.install) installPeers();
  requireTwoProcessors();
  const tools = chooseTools(positionals.length > 0 ? positionals : undefined, 'live');
  const network = new BenchNetwork();
  try {
    const method = await bestMethod(network);
    const seconds = Number(values.seconds ?? (values.rate === undefined ? 2 : 4));
    const options = { flows: Number(values.flows), seconds, method };
    console.log(`${machineLine()}; packets by ${method}, ${options.flows} flows, ${seconds} s a step\n`);
    const bench = { tools, network, options };
    const results =
      values.rate === undefined
        ? await searched(bench)
        : await paced({ ...bench, rate: Number(values.rate), runs: Number(values.runs) });
    if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ options, results }, undefined, 2));
  } finally {
    network.remove();
  }
}

interface LiveBench {
  readonly tools: readonly Tool[];
  readonly network: BenchNetwork;
  readonly options: LiveOptions;
}

/* ---- the highest rate ---- */

async function searched({ tools, network, options }: LiveBench): Promise<ToolSteps<readonly Step[]>[]> {
  const results: ToolSteps<readonly Step[]>[] = [];
  for (const tool of tools) {
    const steps = await search(tool, network, options);
    results.push({ tool: tool.name, steps });
    console.error(`${tool.name}: ${steps.map(describe).join('; ')}`);
  }
  const rows = results.map(({ tool, steps }) => row(tool, steps));
  console.log(markdownTable(HEADER, rows));
  return results;
}

/** As fast as it goes first; where that is too fast, halves the list of rates. */
async function search(tool: Tool, network: BenchNetwork, options: LiveOptions): Promise<Step[]> {
  const steps = [await betterOfTwo(tool, network, 0, options)];
  if (steps[0]!.loss < LOSS_MAX) return steps;
  let good = -1;
  let bad = RATES.length - 1;
  // A generator that was slowed down by the tool's half in the kernel cannot offer more than it did.
  while (bad > 1 && RATES[bad - 1]! > steps[0]!.packetsPerSecond) bad -= 1;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    const tried = await betterOfTwo(tool, network, RATES[middle]!, options);
    steps.push(tried);
    if (tried.loss < LOSS_MAX) good = middle;
    else bad = middle;
  }
  return steps;
}

/** Whoever else uses the machine can make any tool lose packets, so one that does is given a second chance. */
async function betterOfTwo(tool: Tool, network: BenchNetwork, rate: number, options: LiveOptions): Promise<Step> {
  const first = await step(tool, network, rate, options);
  if (first.loss < LOSS_MAX) return first;
  const second = await step(tool, network, rate, options);
  return second.loss < first.loss ? second : first;
}

const HEADER = [
  ...['tool', 'highest rate, < 0.1 % lost', 'CPU ns/packet there', 'core busy'],
  ...['MiB', 'of it ring', 'fastest offered', 'lost of it'],
];

function row(tool: string, steps: readonly Step[]): string[] {
  const fastest = steps[0]!;
  const best = steps.filter(({ loss }) => loss < LOSS_MAX).sort((a, b) => b.packetsPerSecond - a.packetsPerSecond)[0];
  return [
    tool,
    best === undefined ? 'none' : thousands(best.packetsPerSecond),
    best === undefined ? '' : shortNumber(best.nsPerPacket),
    best === undefined ? '' : percent(best.busy),
    ...memory(steps),
    thousands(fastest.packetsPerSecond),
    `${shortNumber(100 * fastest.loss)} %`,
  ];
}

/* ---- one rate ---- */

interface Pair {
  readonly short: Step;
  readonly long: Step;
}

interface PacedBench extends LiveBench {
  readonly rate: number;
  readonly runs: number;
}

async function paced({ tools, network, options, rate, runs }: PacedBench): Promise<ToolSteps<readonly Pair[]>[]> {
  const results = tools.map((tool) => ({ tool: tool.name, steps: [] as Pair[] }));
  for (let round = 0; round < runs; round++) {
    for (const [index, tool] of tools.entries()) {
      const short = await step(tool, network, rate, { ...options, seconds: SHORT_SECONDS });
      const long = await step(tool, network, rate, options);
      results[index]!.steps.push({ short, long });
      console.error(`${tool.name}: ${describe(short)}; ${describe(long)}`);
    }
  }
  const rows = results.map(({ tool, steps }) => pacedRow(tool, steps));
  console.log(markdownTable(PACED_HEADER, rows));
  return results;
}

const PACED_HEADER = [
  ...['tool', 'lost in the first second', 'lost in all', 'CPU ns/packet', 'core busy'],
  ...['fixed ms', 'slope ns/packet', 'MiB', 'of it ring'],
];

function pacedRow(tool: string, pairs: readonly Pair[]): string[] {
  const of = (value: (pair: Pair) => number) => median(pairs.map(value));
  const slopeMs = ({ short, long }: Pair) => (long.cpuMs - short.cpuMs) / (long.sent - short.sent);
  return [
    tool,
    `${shortNumber(100 * of(({ short }) => short.loss))} %`,
    `${shortNumber(100 * of(({ long }) => long.loss))} %`,
    shortNumber(of(({ long }) => long.nsPerPacket)),
    percent(of(({ long }) => long.busy)),
    shortNumber(of((pair) => Math.max(0, pair.short.cpuMs - slopeMs(pair) * pair.short.sent))),
    shortNumber(1e6 * of(slopeMs)),
    ...memory(pairs.map(({ long }) => long)),
  ];
}

/* ---- words ---- */

function memory(steps: readonly Step[]): string[] {
  const mebibytes = (part: 'residentKib' | 'ringKib') =>
    String(Math.round(Math.max(...steps.map((each) => each[part])) / 1024));
  return [mebibytes('residentKib'), mebibytes('ringKib')];
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function thousands(packetsPerSecond: number): string {
  return `${Math.round(packetsPerSecond / 1000)} k/s`;
}

function describe({ packetsPerSecond, loss, nsPerPacket, busy }: Step): string {
  return `${thousands(packetsPerSecond)} ${shortNumber(100 * loss)} % lost, ${shortNumber(nsPerPacket)} ns, ${percent(busy)}`;
}
