/**
 * `npm run bench -- gate [--record]`: whether the kernels are as fast as they were when figures were last recorded (bench/gate.json),
 * to be run before a release. Nanoseconds of two machines are not to be compared, so a kernel counts by its ratio to a calibration
 * loop: the best of several rounds of either, each in turn. Exits 1 when one has become slower.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { KernelResult } from './kernels/measure.ts';
import { machineLine } from './machine.ts';
import { runApart } from './measured.ts';
import { packageRoot } from './places.ts';
import { markdownTable, shortNumber } from './table-text.ts';

/** Of each part of the hot path one or two, small and large. */
const KERNELS = [
  'calibration',
  'decode',
  'exclude',
  'hash/ipv4',
  'table-ipv4/1k-zipf',
  'table-ipv4/1m-uniform',
  'table-ipv4-insert/1m',
  'table-ipv6/100k-uniform',
  'meter-add/1k-zipf',
  'meter-add/100k-zipf',
  'meter-wasm/1k-zipf',
  'meter-wasm/100k-zipf',
  'table-walk',
  'batch-encode',
  'batch-read',
  'log-group',
  'ndjson',
  'text',
] as const;
const CALIBRATION = KERNELS[0];
/** What the best of several rounds still differs by from one hour to the other. */
const SLOWER_MAX = 1.25;

/** By kernel, its nanoseconds in those of the calibration loop. */
type Ratios = Readonly<Record<string, number>>;

interface Recorded {
  /** The machine and when it was. */
  readonly machine: string;
  readonly ratios: Ratios;
}

export function runGate(args: readonly string[]): void {
  const { values } = parseArgs({
    args: [...args],
    options: {
      record: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '6' },
      time: { type: 'string', default: '150' },
    },
  });
  const path = join(packageRoot(), 'bench/gate.json');
  const machine = machineLine();
  const ratios = bestRatios(Number(values.rounds), Number(values.time));
  if (values.record) {
    writeFileSync(path, `${JSON.stringify({ machine, ratios } satisfies Recorded, undefined, 2)}\n`);
    console.log(`Recorded in ${path}: ${machine}`);
    return;
  }
  const recorded = JSON.parse(readFileSync(path, 'utf8')) as Recorded;
  const compared = compare(ratios, recorded.ratios);
  console.log(`${machine}\nrecorded: ${recorded.machine}\n\n${format(compared)}`);
  const slower = compared.filter(({ isSlower }) => isSlower);
  if (slower.length === 0) return;
  console.error(
    `slower than recorded: ${slower.map(({ name }) => name).join(', ')}; find out why, or record anew with --record`,
  );
  process.exitCode = 1;
}

/** Of each kernel the fastest run of all rounds: what disturbs makes it slower, and nothing makes it faster. */
function bestRatios(rounds: number, timeMs: number): Ratios {
  const best = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    for (const name of KERNELS)
      best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, fastest(name, timeMs)));
  }
  const calibration = best.get(CALIBRATION)!;
  best.delete(CALIBRATION);
  return Object.fromEntries([...best].map(([name, ns]) => [name, Number((ns / calibration).toPrecision(3))]));
}

/** In a process of its own, as the kernels' bench has it. */
function fastest(name: string, timeMs: number): number {
  const lines = runApart(['kernels', '--here', '--time', String(timeMs), name]).split('\n');
  const results = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as KernelResult);
  return results.find((result) => result.name === name)!.nsFastest;
}

interface Compared {
  readonly name: string;
  readonly ratio: number;
  readonly before: number | undefined;
  readonly isSlower: boolean;
}

function compare(ratios: Ratios, recorded: Ratios): Compared[] {
  return Object.entries(ratios).map(([name, ratio]) => {
    const before = recorded[name];
    return { name, ratio, before, isSlower: before !== undefined && ratio > before * SLOWER_MAX };
  });
}

function format(compared: readonly Compared[]): string {
  const rows = compared.map(({ name, ratio, before, isSlower }) => [
    `\`${name}\``,
    shortNumber(ratio),
    before === undefined ? 'new' : shortNumber(before),
    before === undefined ? '' : shortNumber(ratio / before),
    isSlower ? 'slower' : '',
  ]);
  return markdownTable(['kernel', 'of the calibration loop', 'recorded', 'now / recorded', ''], rows);
}
