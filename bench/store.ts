/**
 * `npm run bench -- store`: how many records a core takes from the body of an upload to the disk: checked, read, held against what came
 * before, written as columns, flushed. All of it runs in this process; HTTP, signature and decompression are not in it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Window } from '../agent/flow/window.ts';
import { Refusal } from '../logservice/model/refusal.ts';
import { Store } from '../logservice/store/store.ts';
import { Writer } from '../logservice/store/writer.ts';
import { closedWindow } from './kernels/records.ts';
import { machineLine } from './machine.ts';
import { runApart } from './measured.ts';
import { cacheFolder } from './places.ts';
import { RECORDS_PER_UPLOAD, uploadsOf } from './stored-records.ts';
import { markdownTable, median, shortNumber } from './table-text.ts';

const TOPIC = { id: 'bench-topic', index: true, closed: false };

interface Run {
  readonly logs: number;
  readonly cpuMs: number;
  readonly wallMs: number;
}

export async function runStoreBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: 'string', default: '200000' },
      runs: { type: 'string', default: '5' },
      here: { type: 'boolean', default: false },
    },
  });
  if (!values.here) {
    process.stdout.write(runApart(['store', '--here', ...args]));
    return;
  }
  const folder = mkdtempSync(join(cacheFolder(), 'run-'));
  try {
    const runs = await storeRuns(folder, closedWindow(Number(values.records)), Number(values.runs));
    console.log(`${machineLine()}\n`);
    console.log(format(runs));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The first run teaches the compiler, and does not count. */
async function storeRuns(folder: string, window: Window, count: number): Promise<readonly Run[]> {
  const store = await Store.open(folder);
  const onFailure = (error: Error) => {
    throw error;
  };
  const writer = await Writer.open(store, { now: Date.now, onFailure });
  const runs: Run[] = [];
  for (let run = 0; run <= count; run++) runs.push(await storeOnce(writer, uploadsOf(window, run)));
  await store.close();
  return runs.slice(1);
}

async function storeOnce(writer: Writer, uploads: readonly Uint8Array[]): Promise<Run> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const answers = await Promise.all(uploads.map((body) => writer.write(TOPIC, body)));
  const { user, system } = process.cpuUsage(cpu);
  const logs = answers.reduce((sum, answer) => {
    if (answer instanceof Refusal) throw new Error(answer.errormessage);
    return sum + answer.logs;
  }, 0);
  return { logs, cpuMs: (user + system) / 1000, wallMs: performance.now() - start };
}

function format(runs: readonly Run[]): string {
  const { logs } = runs[0]!;
  const row = (what: string, cost: (run: Run) => number) => {
    const milliseconds = median(runs.map(cost));
    return [what, shortNumber((milliseconds * 1e6) / logs), String(Math.round((logs * 1000) / milliseconds))];
  };
  return markdownTable(
    [`${logs} records, ${RECORDS_PER_UPLOAD} an upload`, 'ns/record', 'records/s'],
    [row('upload to durable store, CPU', ({ cpuMs }) => cpuMs), row('wall: disk waited for', ({ wallMs }) => wallMs)],
  );
}
