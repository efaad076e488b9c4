/**
 * Feeds every reader of others' bytes with kept seeds and damaged copies of them: a bounded number in `npm test`, from a fixed
 * start; for FUZZ_SECONDS each, from a new start, by `scripts/fuzz.sh`. What goes wrong is kept beside the seeds, as
 * `found-...`, and from then on part of every run.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { buildSeeds } from './build-seeds.ts';
import { mutated, randomFrom } from './mutation.ts';
import { FUZZ_TARGETS, type FuzzTarget } from './targets.ts';
import { Watchdog } from './watchdog.ts';

const SEEDS = new URL('seeds/', import.meta.url).pathname;
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 0);
const START = Number(process.env['FUZZ_START'] ?? (SECONDS > 0 ? Date.now() % 0x7fff_ffff : 1));
/** What a run may leave behind: caches of compiled code and the like. A reader that keeps its inputs leaves far more. */
const GROWTH_BYTES_MAX = 32 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Buffers go back a turn or more after the collection that found them: looks a few times, and answers the least. */
async function memoryBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 4; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

function keptSeeds(target: string): Map<string, Uint8Array> {
  const folder = join(SEEDS, target);
  return new Map(readdirSync(folder).map((name) => [name, Uint8Array.from(readFileSync(join(folder, name)))]));
}

function keep(target: string, bytes: Uint8Array): string {
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  const path = join(SEEDS, target, `found-${digest}.bin`);
  writeFileSync(path, bytes);
  return path;
}

async function tryInput(target: FuzzTarget, bytes: Uint8Array, watchdog: Watchdog): Promise<void> {
  watchdog.begin(bytes);
  try {
    await target.run(bytes);
  } catch (error) {
    throw new Error(`${target.name} met an input that it cannot take; it is kept as ${keep(target.name, bytes)}`, {
      cause: error,
    });
  }
}

/** Whether another input is due: a number of them, or until a time. */
function due(target: FuzzTarget, done: number, endMs: number): boolean {
  return SECONDS === 0 ? done < target.inputs : Date.now() < endMs;
}

async function fuzz(target: FuzzTarget): Promise<number> {
  const seeds = [...keptSeeds(target.name).values()];
  const random = randomFrom(START);
  const watchdog = new Watchdog(join(SEEDS, target.name, 'found-hang.bin'));
  const pick = () => seeds[random(seeds.length)]!;
  try {
    for (const seed of seeds) await tryInput(target, seed, watchdog);
    for (let i = 0; i < 200; i++) await tryInput(target, mutated(pick(), pick(), random), watchdog);
    const before = await memoryBytes();
    const endMs = Date.now() + SECONDS * 1000;
    let done = 0;
    for (; due(target, done, endMs); done++) await tryInput(target, mutated(pick(), pick(), random), watchdog);
    expect((await memoryBytes()) - before).toBeLessThan(GROWTH_BYTES_MAX);
    return done;
  } finally {
    await watchdog.end();
  }
}

describe('the kept seeds', () => {
  const built = Object.entries(buildSeeds());
  if (process.env['UPDATE_SEEDS'] !== undefined) {
    for (const [target, seeds] of built) {
      mkdirSync(join(SEEDS, target), { recursive: true });
      for (const [name, bytes] of Object.entries(seeds)) writeFileSync(join(SEEDS, target, `${name}.bin`), bytes);
    }
  }

  test.each(built)('of %s are those that the builder makes, and what was found', (target, seeds) => {
    const names = [...keptSeeds(target).keys()].filter((name) => !name.startsWith('found-'));
    expect(names.sort()).toEqual(
      Object.keys(seeds)
        .map((name) => `${name}.bin`)
        .sort(),
    );
  });
});

describe('no input makes the reader crash, hang or grow', () => {
  test.each(FUZZ_TARGETS)('of $name', { timeout: 120_000 + SECONDS * 2000 }, async (target) => {
    const done = await fuzz(target);
    if (SECONDS > 0) process.stderr.write(`fuzz: ${target.name}: ${done} inputs from start ${START}, nothing found\n`);
  });
});
