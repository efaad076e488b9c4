import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { removeFolder, search, startTestService, temporaryFolder, upload } from './harness.ts';

/** What is there when the start has come so far. */
const MOMENTS = { 'it has begun': '', 'it has the store': 'logs.duckdb', 'it listens': 'service.json' } as const;
type Moment = keyof typeof MOMENTS;

const WAYS = ['SIGTERM', 'SIGINT', 'the end of its standard input'] as const;

/** Stops a service that nobody listens to: its output has no reader from the beginning. */
async function stopped(moment: Moment, way: (typeof WAYS)[number]): Promise<unknown> {
  const folder = temporaryFolder();
  const words = ['--store', folder, '--listen', '127.0.0.1:0', '--until-stdin-ends'];
  const service = spawn(process.execPath, [resolve('dist/logservice/main.js'), ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  service.stdout.destroy();
  let stderr = '';
  service.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = once(service, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  while (!existsSync(join(folder, MOMENTS[moment])) && service.exitCode === null) await sleep(2);
  // Its last line on standard output comes after its last file.
  if (moment === 'it listens') await sleep(50);
  if (way === 'the end of its standard input') service.stdin.end();
  else service.kill(way);
  const [code, signal] = await ended;
  removeFolder(folder);
  return { code, signal, stderr };
}

describe('a log service without a reader of its output ends in good order by', () => {
  const cases = WAYS.flatMap((way) => (Object.keys(MOMENTS) as Moment[]).map((moment) => [way, moment] as const));

  test.concurrent.for(cases)('%s when %s', async ([way, moment], { expect }) => {
    const end = await stopped(moment, way);
    // A signal before the first line of the program ends it as every program.
    const early = { code: null, signal: way, stderr: '' };
    const good = { code: 0, signal: null, stderr: '' };
    if (moment === 'it has begun') expect([good, early]).toContainEqual(end);
    else expect(end).toEqual(good);
  });
});

test('a usage error without a reader says nothing else', async () => {
  const service = spawn(process.execPath, [resolve('dist/logservice/main.js'), '--help'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  service.stdout.destroy();
  let stderr = '';
  service.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  expect(await once(service, 'close')).toEqual([0, null]);
  expect(stderr).toBe('');
});

/** Opens the store and never answers. */
const DEAF = (asked: string): string => `
  import { writeFileSync } from 'node:fs';
  process.on('message', ({ kind }) =>
    kind === 'open' ? process.send({ kind: 'opened' }) : writeFileSync(${JSON.stringify(asked)}, ''));
  process.send({ kind: 'ready' });`;

test('a deletion of old logs that waits for a search keeps no service from its end', { timeout: 60_000 }, async () => {
  const folder = temporaryFolder();
  const [worker, asked] = [join(folder, 'worker.mjs'), join(folder, 'asked')];
  writeFileSync(worker, DEAF(asked));
  vi.useFakeTimers({ toFake: ['setInterval'] });
  const service = await startTestService(folder, {
    retentionMs: 1,
    searchWorker: worker,
    searchTimeoutMs: 3_600_000,
  });
  await upload(service, [{ logs: [{ contents: { marker: 'x' } }] }]);
  const searching = search(service, '*').catch(() => 'cut');
  await vi.waitFor(() => expect(existsSync(asked)).toBe(true), 20_000);
  const changes = (): number => statSync(join(folder, 'logs.duckdb.wal')).size;
  const before = changes();
  vi.advanceTimersByTime(60_000);
  await vi.waitFor(() => expect(changes()).toBeGreaterThan(before), 20_000);
  // The deletion is done, and what follows waits for the search: for as long as it may take, an hour.
  await sleep(200);
  vi.useRealTimers();
  await service.stop();
  expect(await searching).toBe('cut');
  removeFolder(folder);
});
